"""The page "Validate once": what to set up for each name, whether it is there, and that it is nobody else's."""

from __future__ import annotations

import pytest
from django.utils import timezone

from tests.certificates.activation.conftest import Wizard, paid_plan
from validation import delegation
from validation.models import Delegation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def zone(settings):
    settings.DELEGATION_ZONE = "dcv.portal.example"
    settings.DELEGATION_SERVER = "127.0.0.1:1"


def once(wizard):
    return wizard.get("activation-once").content.decode()


def test_it_recommends_itself_where_the_method_is_chosen(wizard):
    wizard.csr()
    wizard.contacts()
    assert wizard.url("activation-once") in wizard.get("activation-methods").content.decode()


def test_the_recommendation_stands_before_the_methods_and_is_two_sentences(wizard):
    wizard.csr()
    wizard.contacts()
    page = wizard.get("activation-methods").content.decode()
    start = page.index("Recommended: validate once")
    assert start < page.index('type="radio"')
    told = page[page.index("<p>", start) : page.index("<a ", start)]
    assert told.count(".") == 2


def test_without_a_zone_it_is_not_recommended(wizard, settings):
    settings.DELEGATION_ZONE = ""
    wizard.csr()
    wizard.contacts()
    assert "validate once" not in wizard.get("activation-methods").content.decode()
    assert "CNAME" not in once(wizard)
    wizard.finish("http-01")
    page = wizard.get("activation-approve").content.decode()
    assert "Never again?" in page
    assert "one line to your web server" in page


@pytest.mark.parametrize(
    "here", ["http://localhost:8000", "https://192.0.2.1", "https://portal.example:8443"]
)
def test_a_portal_that_no_ca_can_be_sent_to_offers_no_redirect(wizard, settings, here):
    settings.CHALLENGE_REDIRECT_URL, settings.PORTAL_URL = "", here
    wizard.csr()
    page = once(wizard)
    assert "Show the record" in page
    assert "Show the line" not in page
    assert wizard.post("activation-once-want", {"kind": "redirect"}, 1).status_code == 404
    settings.PORTAL_URL = "https://portal.example"
    assert "Show the line" in once(wizard)


def test_where_nothing_can_be_set_up_nobody_is_invited_and_the_page_says_why(wizard, settings):
    settings.DELEGATION_ZONE = settings.CHALLENGE_REDIRECT_URL = ""
    settings.PORTAL_URL = "http://localhost:8000"
    wizard.csr()
    wizard.contacts()
    assert "alidate once" not in wizard.get("activation-methods").content.decode()
    wizard.finish()
    page = wizard.get("activation-approve").content.decode()
    assert "Never again?" not in page
    assert wizard.url("activation-once") not in page
    page = once(wizard)
    assert "Not possible for this certificate" in page
    assert "We have no zone that a record could lead to" in page
    assert "proves itself" not in page
    assert "What this means" not in page


def test_a_wildcard_without_a_zone_reads_why_and_how_to_go_on(wizard_for, settings):
    settings.DELEGATION_ZONE = ""
    wizard = wizard_for("*.shop.example")
    wizard.csr()
    wizard.contacts()
    wizard.finish()
    assert "Never again?" not in wizard.get("activation-approve").content.decode()
    assert "A wildcard can be set up by a DNS record only" in once(wizard)


def test_the_sandbox_leads_to_its_hosting_panel_with_the_fields_filled_in(wizard, settings):
    wizard.csr()
    for kind in ("cname", "redirect"):
        wizard.post("activation-once-want", {"kind": kind}, 1)
    label = {row.kind: row.label for row in Delegation.objects.all()}
    page = once(wizard)
    assert f"/publish?type=CNAME&amp;name=_acme-challenge.shop.example&amp;value={label['cname']}." in page
    assert (
        "/publish?type=redirect&amp;host=shop.example&amp;target=https%3A%2F%2Fportal.example%2Fdcv%2F"
        in page
    )
    settings.HOSTING_PANEL_URL = ""
    assert "pretend hosting panel" not in once(wizard)


def test_a_wildcard_and_its_base_are_set_up_together_and_by_dns(wizard_for):
    wizard = wizard_for("shop.example", "*.shop.example", "*.other.example")
    wizard.csr()
    page = once(wizard)
    assert page.count("Show the record") == 2
    assert page.count("Show the line") == 1


def test_the_record_is_shown_when_wanted_and_stays_the_same(wizard):
    wizard.csr()
    assert not Delegation.objects.exists()
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    row = Delegation.objects.get()
    page = once(wizard)
    assert f"{row.target}." in page
    assert "_acme-challenge" in page
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    assert Delegation.objects.get().label == row.label


def test_the_line_for_the_web_server_leads_to_this_customers_label(wizard):
    wizard.csr()
    wizard.post("activation-once-want", {"kind": "redirect"}, 1)
    row = Delegation.objects.get()
    page = once(wizard)
    assert f"/dcv/{row.label}/$1" in page
    assert "RedirectMatch 301" in page


def test_what_we_see_is_said_and_a_click_looks_again(wizard, monkeypatch):
    wizard.csr()
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    row = Delegation.objects.get()
    finding = {
        "slug": "delegation_elsewhere",
        "in_place": False,
        "expected": f"{row.target}.",
        "seen": "x.example",
        "facts": {"name": "_acme-challenge.shop.example", "target": "x.example"},
        "repair": delegation.line(row),
    }
    Delegation.objects.update(finding=finding, due_at=None)
    page = once(wizard)
    assert "points to x.example, not to us" in page
    assert delegation.line(row).split(" IN ")[0] in page
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    row.refresh_from_db()
    assert row.due_at <= timezone.now()


def test_all_in_place_says_that_there_is_nothing_more_to_do(wizard):
    wizard.csr()
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    Delegation.objects.update(
        seen_at=timezone.now(), finding={"slug": "delegation_in_place", "in_place": True}
    )
    page = once(wizard)
    assert "All names prove themselves" in page
    assert "Go on with the setup" in page


@pytest.mark.parametrize(("position", "kind"), [(1, ""), (1, "nonsense"), (2, "cname"), (0, "cname")])
def test_a_wish_for_what_is_not_offered_does_not_exist(wizard, position, kind):
    wizard.csr()
    assert wizard.post("activation-once-want", {"kind": kind}, position).status_code == 404
    assert not Delegation.objects.exists()


def test_two_customers_with_one_name_are_shown_two_targets(wizard, client, bob):
    wizard.csr()
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    hers = Delegation.objects.get()
    client.force_login(bob)
    his = Wizard(client, paid_plan(bob, "shop.example"))
    his.csr()
    his.post("activation-once-want", {"kind": "cname"}, 1)
    page = once(his)
    assert hers.label not in page
    assert Delegation.objects.exclude(pk=hers.pk).get().label in page


def test_the_page_costs_the_same_for_one_name_and_for_many(wizard_for, django_assert_max_num_queries):
    wizard = wizard_for(*(f"n{number}.example" for number in range(20)))
    wizard.csr()
    with django_assert_max_num_queries(12):
        once(wizard)


def seen_by_the_lookout(slug="delegation_missing", **facts):
    finding = {"slug": slug, "in_place": False, "expected": "", "seen": "", "repair": "", "facts": facts}
    Delegation.objects.update(finding=finding, due_at=None)


def test_the_record_is_told_in_the_words_of_the_providers_form(wizard):
    wizard.csr()
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    assert ">Host</dt>" in once(wizard)
    assert "DNS only" not in once(wizard)
    seen_by_the_lookout(provider="cloudflare", zone="shop.example", name="n", host="h")
    page = once(wizard)
    assert "is kept at <strong>Cloudflare</strong>" in page
    assert ">Name</dt>" in page
    assert ">_acme-challenge</code>" in page
    assert f">{Delegation.objects.get().target}</code>" in page  # no dot at its end there
    assert "Set “Proxy status” to “DNS only”" in page


def test_a_record_below_a_zone_of_its_own_has_a_shorter_host(wizard_for):
    wizard = wizard_for("www.lab.shop.example")
    wizard.csr()
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    assert ">_acme-challenge.www.lab</code>" in once(wizard)
    seen_by_the_lookout(provider="hetzner", zone="lab.shop.example", name="n", host="h")
    page = once(wizard)
    assert ">_acme-challenge.www</code>" in page
    assert f">{Delegation.objects.get().target}.</code>" in page


def stands(**columns):
    Delegation.objects.update(
        seen_at=timezone.now(), finding={"slug": "delegation_in_place", "in_place": True}, **columns
    )


def test_a_redirect_is_not_enough_where_a_wildcard_is_wanted_too(wizard_for):
    wizard = wizard_for("shop.example", "*.shop.example")
    wizard.csr()
    wizard.post("activation-once-want", {"kind": "redirect"}, 1)
    stands()
    page = once(wizard)
    assert "All names prove themselves" not in page
    assert "Show the record" in page
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    stands()
    assert "All names prove themselves" in once(wizard)


def test_where_a_mail_is_asked_for_as_well_the_page_does_not_promise_that_nothing_is_left(wizard):
    wizard.csr()
    wizard.post("activation-once-want", {"kind": "cname"}, 1)
    stands()
    assert "There is nothing more to do" in once(wizard)
    wizard.plan.activation.names.update(method="email")
    page = once(wizard)
    assert "There is nothing more to do" not in page
    assert "The owner of the domain is asked by Email" in page
