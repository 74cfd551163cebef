"""Validate once: an alias or a redirect that proves a name again and again, and only its own customer's."""

from __future__ import annotations

import errno
import socket
from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import Letter
from audit.models import Entry
from tests.conftest import NOW
from tests.validation import bind as real
from tests.validation.conftest import KEY_AUTHORIZATION, TOKEN
from tests.validation.fake_web import hang_up, page
from validation import delegation, probing
from validation.key_authorization import value_of
from validation.models import Authorization, Delegation, Publication
from validation.resolver import Resolver
from validation.server_names import addresses_of
from validation.zone_writer import ZoneTrouble, ZoneWriter

pytestmark = pytest.mark.django_db

ZONE = "dcv.portal.example"
VALUE = value_of(KEY_AUTHORIZATION)
WEEK = NOW + timedelta(days=7)
SELF_TEST_PATH = f"/.well-known/acme-challenge/{delegation.SELF_TEST}"
NO_ROUTE = "2001:db8::7"


@pytest.fixture
def zoned(settings, dns):
    """An operator's zone whose server is the fake: good for looking, not for writing."""
    settings.DELEGATION_ZONE = ZONE
    settings.DELEGATION_SERVER = "127.0.0.1:1"
    settings.DELEGATION_TSIG_NAME = real.KEY_NAME
    settings.DELEGATION_TSIG_SECRET = real.SECRET
    return dns


def offer(owner, name="shop.example", kind="cname"):
    return delegation.offer(owner, name, kind, NOW)


def looked_at(row, now=NOW):
    Delegation.objects.filter(pk=row.pk).update(due_at=now)
    finding = delegation.look(Delegation.objects.claim(row.pk, now), now)
    row.refresh_from_db()
    return finding


# --- the offer ---------------------------------------------------------------------------------------------


def test_each_customer_gets_a_label_of_their_own_for_each_name_and_keeps_it(zoned, alice, bob):
    first, again = offer(alice), offer(alice)
    labels = {
        first.label,
        offer(alice, "www.shop.example").label,
        offer(bob).label,
        offer(alice, kind="redirect").label,
    }
    assert again.pk == first.pk
    assert len(labels) == 4
    assert all(len(label) == 32 for label in labels)
    assert delegation.line(first) == f"_acme-challenge.shop.example. 3600 IN CNAME {first.label}.{ZONE}."


def test_without_a_zone_only_the_redirect_is_offered_and_for_an_address_nothing(alice, settings):
    assert settings.DELEGATION_ZONE == ""
    assert delegation.kinds_for("shop.example") == ["redirect"]
    assert delegation.kinds_for("192.0.2.7") == []
    with pytest.raises(delegation.NotDelegable):
        offer(alice)


# --- looking -------------------------------------------------------------------------------------------------


def test_an_alias_that_leads_to_us_is_in_place_and_looked_at_weekly(zoned, alice):
    row = offer(alice)
    zoned.add("_acme-challenge.shop.example", "CNAME", f"{row.target}.")
    assert looked_at(row).slug == "delegation_in_place"
    assert row.stands
    assert row.due_at == NOW + timedelta(days=7)
    assert Entry.objects.filter(action="delegation:seen").count() == 1
    looked_at(row, NOW + timedelta(days=7))
    assert Entry.objects.filter(action="delegation:seen").count() == 1


@pytest.mark.parametrize(
    ("owner_name", "kind", "target", "slug"),
    [
        ("_acme-challenge.shop.example", "CNAME", "other.example.", "delegation_elsewhere"),
        ("_acme-challenge.shop.example", "CNAME", "{target}.shop.example.", "delegation_doubled_target"),
        ("_acme-challenge.shop.example.shop.example", "CNAME", "{target}.", "delegation_doubled_host"),
        ("_acme-challenge.shop.example", "TXT", "old", "delegation_txt_in_the_way"),
    ],
)
def test_what_is_wrong_is_named_and_the_line_that_repairs_it_given(
    zoned, alice, owner_name, kind, target, slug
):
    row = offer(alice)
    zoned.add(owner_name, kind, target.format(target=row.target))
    finding = looked_at(row)
    assert (finding.slug, finding.in_place) == (slug, False)
    assert finding.repair == delegation.line(row)
    assert "%(" not in finding.title + finding.advice
    assert not row.stands


def test_nothing_there_yet_is_looked_at_ever_more_seldom_and_at_last_no_more(zoned, alice):
    row = offer(alice)
    assert looked_at(row).slug == "delegation_missing"
    assert row.due_at == NOW + timedelta(seconds=10)
    looked_at(row, NOW + timedelta(hours=5))
    assert row.due_at == NOW + timedelta(hours=5, minutes=30)
    looked_at(row, NOW + timedelta(days=31))
    assert row.due_at is None
    delegation.ask(row, NOW + timedelta(days=40))
    row.refresh_from_db()
    assert row.due_at == NOW + timedelta(days=40)
    looked_at(row, NOW + timedelta(days=40))
    assert row.due_at == NOW + timedelta(days=40, seconds=10)


def test_one_that_was_removed_is_told_once_and_told_again_only_after_it_was_back(zoned, alice):
    row = offer(alice)
    zoned.add("_acme-challenge.shop.example", "CNAME", f"{row.target}.")
    looked_at(row)
    zoned.remove("_acme-challenge.shop.example", "CNAME")
    week = NOW + timedelta(days=7)
    looked_at(row, week)
    assert (row.broken_at, row.stands) == (week, False)
    assert not Letter.objects.exists()  # one look may be wrong
    for hours in (7, 31, 55):
        looked_at(row, week + timedelta(hours=hours))
    letter = Letter.objects.get()
    assert letter.to == "alice@example.org"
    assert "shop.example" in letter.subject
    assert delegation.line(row) in letter.body
    zoned.add("_acme-challenge.shop.example", "CNAME", f"{row.target}.")
    looked_at(row, week + timedelta(days=4))
    assert row.stands
    assert row.broken_at is None


def test_who_keeps_the_dns_is_seen_with_the_record(zoned, alice):
    zoned.add("shop.example", "NS", "ada.ns.cloudflare.com.")
    finding = looked_at(offer(alice, "www.shop.example"))
    assert finding.facts["provider"] == "cloudflare"
    assert (finding.facts["host"], finding.facts["zone"]) == ("_acme-challenge.www", "shop.example")


def test_servers_that_do_not_answer_break_nothing(zoned, alice, settings):
    row = offer(alice)
    zoned.add("_acme-challenge.shop.example", "CNAME", f"{row.target}.")
    looked_at(row)
    settings.VALIDATION_NAMESERVERS = ["127.0.0.1:1"]
    assert looked_at(row, NOW + timedelta(days=7)).slug == "delegation_unknown"
    assert row.stands


# --- the redirect --------------------------------------------------------------------------------------------


def test_the_redirect_answers_only_for_its_customer_its_name_and_a_token_that_is_waited_for(
    client, alice, bob, authorization_of
):
    hers = authorization_of(alice, method="http-01")
    row, other_name, his = (
        offer(alice, kind="redirect"),
        offer(alice, "www.shop.example", "redirect"),
        offer(bob, kind="redirect"),
    )

    def asked(which, token=TOKEN):
        return client.get(reverse("challenge-redirect", args=[which.label, token]))

    answer = asked(row)
    assert (answer.status_code, answer.content.decode()) == (200, KEY_AUTHORIZATION)
    assert answer["Content-Type"] == "text/plain"
    assert not answer.cookies
    for stranger in (other_name, his):
        assert asked(stranger).status_code == 404
    assert asked(row, "another-token").status_code == 404
    assert client.get(f"/dcv/{'0' * 32}/{TOKEN}").status_code == 404
    Authorization.objects.filter(pk=hers.pk).update(status="valid")
    assert asked(row).status_code == 404


def test_a_redirect_to_us_is_seen_by_asking_for_our_own_answer(alice, dns, web):
    row = offer(alice, kind="redirect")
    dns.add("shop.example", "A", "127.0.0.1")
    assert looked_at(row).slug == "delegation_redirect_missing"
    web.pages[f"/.well-known/acme-challenge/{delegation.SELF_TEST}"] = page(
        f"{delegation.SELF_TEST}.{row.label}"
    )
    finding = looked_at(row, NOW + timedelta(minutes=1))
    assert finding.slug == "delegation_redirect_in_place"
    assert delegation.redirect_to(row).endswith(f"/dcv/{row.label}/")


@pytest.fixture
def redirected(alice, dns, web):
    """A redirect that was seen in place."""
    row = offer(alice, kind="redirect")
    dns.add("shop.example", "A", "127.0.0.1")
    redirects(web, row)
    assert looked_at(row).slug == "delegation_redirect_in_place"
    return row


def redirects(web, row):
    web.pages[SELF_TEST_PATH] = page(f"{delegation.SELF_TEST}.{row.label}")


@pytest.fixture
def no_route(monkeypatch, settings, web):
    """A machine without IPv6, whatever this one has."""
    settings.VALIDATION_ALLOWED_NETWORKS = [*settings.VALIDATION_ALLOWED_NETWORKS, f"{NO_ROUTE}/128"]
    connect = socket.create_connection

    def fails(address, *args, **kwargs):
        if address[0] == NO_ROUTE:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        return connect(address, *args, **kwargs)

    monkeypatch.setattr(socket, "create_connection", fails)


@pytest.mark.usefixtures("no_route")
def test_an_address_that_we_have_no_route_to_takes_nothing_away(redirected, dns):
    dns.add("shop.example", "AAAA", NO_ROUTE)
    finding = looked_at(redirected, WEEK)
    assert (finding.slug, redirected.stands) == ("delegation_redirect_in_place", True)


@pytest.mark.usefixtures("no_route")
@pytest.mark.parametrize("trouble", ["no dns", "servfail", "refused", "hangs up", "bad gateway", "no route"])
def test_a_server_that_is_down_breaks_no_redirect(redirected, dns, web, settings, trouble):
    if trouble == "no dns":
        settings.VALIDATION_NAMESERVERS = ["127.0.0.1:1"]
    elif trouble == "servfail":
        dns.fail("shop.example")
    elif trouble == "refused":
        web.close()
    elif trouble == "no route":
        dns.remove("shop.example", "A")
        dns.add("shop.example", "AAAA", NO_ROUTE)
    else:
        web.pages[SELF_TEST_PATH] = hang_up if trouble == "hangs up" else page("", 502)
    finding = looked_at(redirected, WEEK)
    assert (finding.slug, redirected.stands) == ("delegation_unknown", True)
    for hours in (7, 31, 55):
        looked_at(redirected, WEEK + timedelta(hours=hours))
    assert not Letter.objects.exists()


def test_one_of_two_addresses_without_the_redirect_is_one_too_many(redirected, dns, open_web):
    dns.add("shop.example", "A", "127.0.0.2")
    other = open_web("127.0.0.2")
    assert looked_at(redirected, WEEK).slug == "delegation_redirect_missing"
    redirects(other, redirected)
    assert looked_at(redirected, WEEK + timedelta(hours=1)).slug == "delegation_redirect_in_place"


def test_the_mail_about_a_redirect_that_is_gone_has_the_line_for_the_web_server(redirected, web):
    del web.pages[SELF_TEST_PATH]
    for hours in (0, 7):
        looked_at(redirected, WEEK + timedelta(hours=hours))
    body = Letter.objects.get().body
    target = delegation.redirect_to(redirected)
    assert rf"location ~ ^/\.well-known/acme-challenge/(.+)$ {{ return 301 {target}$1; }}" in body
    assert rf"RedirectMatch 301 ^/\.well-known/acme-challenge/(.+)$ {target}$1" in body
    assert "Please put it back, exactly like this:" not in body


# --- our own zone, on a real server -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bind(tmp_path_factory):
    zones = {ZONE: "", "locked.example": "", "shop.example": ""}
    with real.running_bind(tmp_path_factory.mktemp("bind"), zones, written=(ZONE, "shop.example")) as server:
        yield server


@pytest.fixture
def writer(bind):
    return ZoneWriter(ZONE, f"127.0.0.1:{bind.port}", real.KEY_NAME, real.SECRET)


@pytest.fixture
def at_bind(bind, settings):
    settings.DELEGATION_ZONE = ZONE
    settings.DELEGATION_SERVER = f"127.0.0.1:{bind.port}"
    settings.DELEGATION_TSIG_NAME = real.KEY_NAME
    settings.DELEGATION_TSIG_SECRET = real.SECRET
    settings.VALIDATION_NAMESERVERS = [f"127.0.0.1:{bind.port}"]
    return bind


def values(bind, name):
    return set(Resolver.configured().txt(name).values)


@pytest.mark.server
def test_two_values_stand_at_one_name_and_each_is_taken_away_by_itself(at_bind, writer):
    writer.add("abc", "one")
    writer.add("abc", "two")
    writer.add("abc", "two")
    assert values(at_bind, f"abc.{ZONE}") == {"one", "two"}
    writer.remove("abc", "one")
    writer.remove("abc", "never-there")
    assert values(at_bind, f"abc.{ZONE}") == {"two"}


@pytest.mark.server
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"secret": "d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3I="}, "does not accept our TSIG key"),
        ({"key_name": "nobody"}, "does not accept our TSIG key"),
        ({"zone": "locked.example"}, "refused: REFUSED"),
        ({"zone": "elsewhere.example"}, "refused: NOTAUTH"),
        ({"server": "127.0.0.1:1"}, "cannot be reached"),
        ({"server": "nobody.invalid:53"}, "DELEGATION_SERVER"),
        ({"server": "[::1:53"}, "DELEGATION_SERVER"),
        ({"server": "127.0.0.1:nonsense"}, "DELEGATION_SERVER"),
        ({"secret": "not base64!"}, "settings of the delegation zone are wrong"),
    ],
)
def test_what_the_zones_server_refuses_is_said_and_the_secret_is_not(writer, changed, said):
    from dataclasses import replace

    wrong = replace(writer, **changed)
    with pytest.raises(ZoneTrouble) as trouble:
        wrong.add("abc", "one")
    assert said in str(trouble.value)
    assert wrong.secret not in f"{trouble.value} {wrong!r}"


@pytest.mark.server
@pytest.mark.parametrize("text", ["127.0.0.1:{port}", "localhost:{port}"])
def test_the_zones_server_may_be_named_as_well_as_numbered(at_bind, settings, text):
    settings.DELEGATION_SERVER = text.format(port=at_bind.port)
    ZoneWriter.configured().add("named", "one")
    assert values(at_bind, f"named.{ZONE}") == {"one"}
    ZoneWriter.configured().remove("named", "one")


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("192.0.2.7", [("192.0.2.7", 53)]),
        ("192.0.2.7:5353", [("192.0.2.7", 5353)]),
        ("[2001:db8::7]:5353", [("2001:db8::7", 5353)]),
        ("[2001:db8::7]", [("2001:db8::7", 53)]),
        ("2001:db8::7", [("2001:db8::7", 53)]),
    ],
)
def test_an_address_is_read_with_and_without_its_port(text, servers):
    assert [(server.address, server.port) for server in addresses_of(text)] == servers


@pytest.mark.server
def test_a_name_with_an_alias_proves_itself_and_leaves_nothing_behind(at_bind, alice, authorization_of):
    row = offer(alice)
    real.point(at_bind, "shop.example", row.target)
    for wildcard in (False, True):
        authorization = authorization_of(
            alice, wildcard=wildcard, key_authorization=f"{TOKEN}.{'w' if wildcard else 'p'}"
        )
        probing.look(Authorization.objects.claim(authorization.pk, NOW), NOW)
        authorization.refresh_from_db()
        assert authorization.finding["slug"] == "in_place"
        assert authorization.shown_at == NOW
    assert len(values(at_bind, row.target)) == 2
    Authorization.objects.update(status="valid")
    for publication in Publication.objects.all():
        due = publication.due_at
        delegation.tend(Publication.objects.claim(publication.pk, due), due)
    assert values(at_bind, row.target) == set()
    assert not Publication.objects.filter(due_at__isnull=False).exists()


@pytest.mark.server
def test_an_alias_to_one_customers_label_proves_nothing_for_another(at_bind, alice, bob, authorization_of):
    real.point(at_bind, "shop.example", offer(alice, "shop.example").target)
    offer(bob, "shop.example")
    his = authorization_of(bob, key_authorization=f"{TOKEN}.his")
    probing.look(Authorization.objects.claim(his.pk, NOW), NOW)
    his.refresh_from_db()
    assert his.shown_at is None
    assert his.finding["slug"] in {"dns_cname_empty", "dns_wrong_value"}


@pytest.mark.server
def test_a_zone_that_cannot_be_written_is_not_the_customers_trouble(
    at_bind, alice, authorization_of, settings
):
    row = offer(alice)
    real.point(at_bind, "shop.example", row.target)
    settings.DELEGATION_SERVER = "127.0.0.1:1"
    authorization = authorization_of(alice, key_authorization=f"{TOKEN}.down")
    probing.look(Authorization.objects.claim(authorization.pk, NOW), NOW)
    authorization.refresh_from_db()
    assert authorization.finding["slug"] == "delegation_zone_down"
    publication = Publication.objects.get()
    assert publication.problem
    settings.DELEGATION_SERVER = f"127.0.0.1:{at_bind.port}"
    delegation.tend(Publication.objects.claim(publication.pk, publication.due_at), publication.due_at)
    publication.refresh_from_db()
    assert publication.published_at is not None
    assert publication.problem == ""
