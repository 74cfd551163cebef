"""CA accounts in the admin: secrets go in and never out, the connection test creates nothing, a pause can be ended."""

from __future__ import annotations

import base64

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from certificates.models import AcmeOrder, CaAccount
from certificates.vault import open_for_account
from tests.certificates.connectors.rough_ca import Reply, RoughCa
from tests.portal.walk_rows import whole_story

pytestmark = pytest.mark.django_db

HMAC = base64.urlsafe_b64encode(b"0123456789abcdef0123456789abcdef").decode().rstrip("=")


@pytest.fixture
def ca(tmp_path):
    server = RoughCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def story(alice):
    return whole_story(alice)


def filled(**changes):
    data = {
        "name": "Example CA", "connector": "acme", "directory_url": "https://ca.example/dir", "roots_pem": "", "contact": "ops@portal.example",
        "eab_kid": "", "eab_hmac": "", "terms_agreed": "on", "profile": "", "caa_identities": "ca.example", "email_mode": "off",
        "shared": "on", "enabled": "on", "issuers-TOTAL_FORMS": 0, "issuers-INITIAL_FORMS": 0,
        "limits-TOTAL_FORMS": 0, "limits-INITIAL_FORMS": 0,
    }  # fmt: skip
    return data | changes


def add(client, **changes):
    return client.post(reverse("admin:certificates_caaccount_add"), filled(**changes))


def page(account):
    return reverse("admin:certificates_caaccount_change", args=[account.pk])


# --- filling in ---------------------------------------------------------------------------------------------------


def test_an_operator_adds_an_account_whose_hmac_key_is_sealed(oscar):
    assert add(oscar, eab_kid="kid-1", eab_hmac=HMAC).status_code == 302
    account = CaAccount.objects.get(name="Example CA")
    assert HMAC.encode() not in bytes(account.sealed_eab_hmac)
    assert open_for_account(account, "eab hmac", account.sealed_eab_hmac).decode() == HMAC
    assert account.caa_identities == ["ca.example"]
    assert account.terms_agreed_at is not None
    for text in (oscar.get(page(account)).content.decode(), str(list(Entry.objects.values()))):
        assert HMAC not in text
    entry = Entry.objects.get(action="staff:changed", object_kind="caaccount")
    assert entry.details["verb"] == "added"


def test_an_empty_hmac_field_keeps_the_stored_key_and_a_new_one_replaces_it(oscar):
    add(oscar, eab_kid="kid-1", eab_hmac=HMAC)
    account = CaAccount.objects.get(name="Example CA")
    assert oscar.post(page(account), filled(eab_kid="kid-1", profile="short")).status_code == 302
    account.refresh_from_db()
    assert account.profile == "short"
    assert open_for_account(account, "eab hmac", account.sealed_eab_hmac).decode() == HMAC
    other = base64.urlsafe_b64encode(b"f" * 32).decode()
    assert oscar.post(page(account), filled(eab_kid="kid-1", eab_hmac=other)).status_code == 302
    account.refresh_from_db()
    assert open_for_account(account, "eab hmac", account.sealed_eab_hmac).decode() == other
    changed = Entry.objects.filter(action="staff:changed", details__verb="changed").latest("pk")
    assert "EAB HMAC key" in str(changed.details)
    assert other not in str(changed.details)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("directory_url", {"directory_url": "http://ca.example/dir"}),
        ("directory_url", {"directory_url": "file:///etc/passwd"}),
        ("directory_url", {"directory_url": ""}),
        ("roots_pem", {"roots_pem": "not a certificate"}),
        ("roots_pem", {"roots_pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}),
        ("roots_pem", {"roots_pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"}),
        ("roots_pem", {"roots_pem": "A" * 100_000}),
        ("eab_hmac", {"eab_kid": "kid-1", "eab_hmac": "häßlich"}),
        ("eab_hmac", {"eab_kid": "kid-1", "eab_hmac": "c2hvcnQ"}),
        ("eab_hmac", {"eab_kid": "kid-1"}),
        ("eab_kid", {"eab_hmac": HMAC}),
        ("caa_identities", {"caa_identities": "not a domain; rm -rf"}),
        ("connector", {"connector": "carrier pigeon"}),
        ("contact", {"contact": "nobody"}),
        ("name", {"name": ""}),
    ],
)
def test_nonsense_is_refused_at_its_field(oscar, field, changes):
    response = add(oscar, **changes)
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert not CaAccount.objects.exists()


def test_a_refused_form_does_not_send_the_hmac_key_back(oscar):
    response = add(oscar, eab_kid="kid-1", eab_hmac=HMAC, name="")
    assert HMAC not in response.content.decode()


def test_a_pasted_private_key_is_not_repeated_on_the_page_without_a_warning(oscar):
    response = add(oscar, roots_pem="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
    assert "please replace that key" in response.content.decode()


def test_real_trust_anchors_are_taken(oscar, ca):
    assert add(oscar, roots_pem=ca.roots_pem.replace("\n", "\r\n")).status_code == 302
    assert "\r" not in CaAccount.objects.get().roots_pem


def test_the_hmac_key_may_be_pasted_wrapped_and_padded(oscar):
    assert add(oscar, eab_kid="kid-1", eab_hmac=f"  {HMAC[:10]}\t{HMAC[10:]}=  ").status_code == 302
    account = CaAccount.objects.get()
    assert open_for_account(account, "eab hmac", account.sealed_eab_hmac).decode() == f"{HMAC}="


def test_what_names_the_account_is_fixed_once_the_ca_has_opened_it(oscar):
    add(oscar, eab_kid="kid-1", eab_hmac=HMAC)
    account = CaAccount.objects.get()
    CaAccount.objects.filter(pk=account.pk).update(account_url="https://ca.example/acct/1")
    data = filled(
        directory_url="https://evil.example/dir",
        eab_kid="kid-2",
        eab_hmac=base64.b64encode(b"x" * 32).decode(),
        name="Renamed",
    )
    assert oscar.post(page(account), data).status_code == 302
    account.refresh_from_db()
    assert (account.name, account.directory_url, account.eab_kid) == (
        "Renamed",
        "https://ca.example/dir",
        "kid-1",
    )
    assert open_for_account(account, "eab hmac", account.sealed_eab_hmac).decode() == HMAC


def test_agreeing_to_the_terms_is_dated_once_and_can_be_taken_back(oscar):
    add(oscar, terms_agreed="")
    account = CaAccount.objects.get()
    assert account.terms_agreed_at is None
    oscar.post(page(account), filled())
    account.refresh_from_db()
    first = account.terms_agreed_at
    oscar.post(page(account), filled(profile="x"))
    account.refresh_from_db()
    assert account.terms_agreed_at == first is not None
    oscar.post(page(account), filled(terms_agreed=""))
    account.refresh_from_db()
    assert account.terms_agreed_at is None


def test_nobody_deletes_an_account(oscar, client, story):
    assert (
        oscar.post(
            reverse("admin:certificates_caaccount_delete", args=[story.account.pk]), {"post": "yes"}
        ).status_code
        == 403
    )


# --- test connection -----------------------------------------------------------------------------------------------


def press_test(client, account):
    return client.post(reverse("admin:certificates_caaccount_test", args=[account.pk]))


@pytest.fixture
def account(ca):
    return CaAccount.objects.create(
        name="Rough CA", directory_url=ca.url("/directory"), roots_pem=ca.roots_pem
    )


def test_the_connection_test_shows_what_the_ca_says_and_creates_nothing(oscar, ca, account):
    meta = {
        "termsOfService": "https://ca.example/terms", "website": "https://ca.example", "caaIdentities": ["ca.example", "ca2.example"],
        "externalAccountRequired": True, "profiles": {"classic": "The <b>one</b> you know"},
    }  # fmt: skip
    ca.say("/directory", Reply(body=ca.directory | {"meta": meta}))
    text = press_test(oscar, account).content.decode()
    for words in (
        "https://ca.example/terms",
        "ca.example, ca2.example",
        "required",
        "classic",
        "no EAB HMAC key is stored",
        "are not those the CA says",
    ):
        assert words in text, words
    assert "<b>one</b>" not in text
    assert {request.path for request in ca.requests} == {"/directory"}
    assert {request.method for request in ca.requests} == {"GET"}
    assert not AcmeOrder.objects.exists()
    account.refresh_from_db()
    assert (account.sealed_key, account.account_url) == (None, "")


def test_an_unknown_profile_is_pointed_out(oscar, ca, account):
    CaAccount.objects.filter(pk=account.pk).update(profile="tlsserver")
    ca.say("/directory", Reply(body=ca.directory | {"meta": {"profiles": {"classic": "x"}}}))
    assert "does not offer the profile" in press_test(oscar, account).content.decode()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, b"oops"),
        Reply(200, b"<script>alert(1)</script>", content_type="text/html"),
        Reply(200, b"[]"),
        Reply(404, b""),
        Reply(200, {"newOrder": "javascript:alert(1)"}),
    ],
    ids=["500", "html", "list", "404", "wrong urls"],
)
def test_a_ca_that_is_none_is_told_in_words(oscar, ca, account, reply):
    ca.say("/directory", reply)
    response = press_test(oscar, account)
    assert response.status_code == 200
    assert "could not be reached, or did not answer as a CA does" in response.content.decode()
    assert "<script>alert" not in response.content.decode()


def test_a_ca_that_is_not_there_or_not_trusted_is_told_in_words(oscar, ca, account):
    CaAccount.objects.filter(pk=account.pk).update(roots_pem="")
    assert "could not be reached" in press_test(oscar, account).content.decode()
    CaAccount.objects.filter(pk=account.pk).update(directory_url="https://127.0.0.1:9/dir")
    assert "could not be reached" in press_test(oscar, account).content.decode()
    assert ca.requests == []


# --- resuming -------------------------------------------------------------------------------------------------------


def test_a_paused_ca_goes_on_at_once(oscar, operator, story):
    story.account.pause("New terms <script>alert(1)</script>", timezone.now())
    text = oscar.get(page(story.account)).content.decode()
    assert "New terms &lt;script&gt;" in text
    resume = reverse("admin:certificates_caaccount_resume", args=[story.account.pk])
    assert resume in text
    assert oscar.get(resume).status_code == 405
    assert oscar.post(resume).status_code == 302
    account = CaAccount.objects.get(pk=story.account.pk)
    assert (account.paused_at, account.paused_why) == (None, "")
    assert AcmeOrder.objects.get(pk=story.again.acme_order.pk).due_at <= timezone.now()
    entry = Entry.objects.get(action="ca_account:resumed")
    assert entry.actor == operator.email
    assert "New terms" in entry.details["was"]
    oscar.post(resume)
    assert Entry.objects.filter(action="ca_account:resumed").count() == 1


def test_support_reaches_neither_page_nor_buttons(client, support, story):
    client.force_login(support)
    assert client.get(page(story.account)).status_code == 403
    assert press_test(client, story.account).status_code == 403
    assert (
        client.post(reverse("admin:certificates_caaccount_resume", args=[story.account.pk])).status_code
        == 403
    )
