"""The owner's page for revoking: who may, what must be typed, what is told, and what nobody else finds."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.test import Client
from django.urls import reverse

from accounts.models import Letter
from audit.models import Entry
from certificates import keys
from certificates.models import Activation, Certificate, Issuance, Revocation
from certificates.standing import Headline, standing_of, with_standing
from orders.models import Plan
from tests.certificates import samples
from tests.certificates.views.conftest import LONG_AGO
from tests.conftest import NOW
from tests.factories import certificate_for, plan_for

DAY = timedelta(days=1)
BAD_REASON = "urn:ietf:params:acme:error:badRevocationReason"
GOOD = {"reason": "4", "name": "shop.example"}


def url_of(certificate) -> str:
    return reverse("revoke", args=[certificate.pk])


def page(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return response.content.decode()


def overview(client: Client, certificate) -> str:
    return page(client, reverse("overview", args=[certificate.plan_id]))


def standing(certificate):
    return standing_of(with_standing(Plan.objects.filter(pk=certificate.plan_id)).get(), NOW)


def end(certificate, **columns) -> None:
    """As the queue leaves it."""
    Revocation.objects.filter(certificate=certificate).update(due_at=None, **columns)
    if "done_at" in columns:
        Certificate.objects.filter(pk=certificate.pk).update(state="revoked", revoked_at=NOW)


@pytest.fixture
def certificate(alice):
    return certificate_for(plan_for(alice, "shop.example", "www.shop.example"), installed_at=NOW)


# --- who ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ["revoke", "revoke-live"])
def test_nobody_but_the_owner_finds_it(browser, bob, support, operator, certificate, method, name):
    for person in (bob, support, operator):
        response = getattr(browser(person), method)(reverse(name, args=[certificate.pk]), GOOD)
        assert response.status_code in {404, 405}
        assert "shop.example" not in response.content.decode()
    assert "/accounts/login/" in getattr(Client(), method)(reverse(name, args=[certificate.pk]))["Location"]
    assert not Revocation.objects.exists()


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_who_signed_in_long_ago_finds_nothing_either(browser, bob, certificate, method):
    assert getattr(browser(bob, ago=LONG_AGO), method)(url_of(certificate), GOOD).status_code == 404


def test_the_owner_signs_in_again_first(browser, alice, certificate):
    client = browser(alice, ago=LONG_AGO)
    for response in (client.get(url_of(certificate)), client.post(url_of(certificate), GOOD)):
        assert response.status_code == 302
        assert "reauthenticate" in response["Location"]
    assert not Revocation.objects.exists()


def test_a_forged_post_from_another_site_revokes_nothing(browser, alice, certificate):
    client = browser(alice)
    client.handler.enforce_csrf_checks = True
    assert client.post(url_of(certificate), GOOD).status_code == 403
    assert not Revocation.objects.exists()


# --- what is asked ----------------------------------------------------------------------------------------------


def test_the_page_says_what_it_means_and_what_else_there_is(browser, alice, certificate):
    text = page(browser(alice), url_of(certificate))
    assert "cannot be undone" in text
    assert "Browsers will warn" in text
    assert "Get the next certificate" in text
    assert "Somebody else may have the private key" in text
    assert "details changed" not in text, "a DV certificate names no organization"
    assert "<script>" not in text


def test_an_organizations_certificate_has_one_reason_more(browser, alice, certificate):
    product = certificate.plan.product
    type(product).objects.filter(pk=product.pk).update(level="ov")
    assert "details changed" in page(browser(alice), url_of(certificate))


@pytest.mark.parametrize(
    "typed",
    [
        {"reason": "4"},
        {"name": "shop.example"},
        {"reason": "4", "name": "www.shop.example"},
        {"reason": "4", "name": "shop.exampl"},
        {"reason": "4", "name": "<script>"},
        {"reason": "4", "name": "*.shop.example"},
        {"reason": "9", "name": "shop.example"},
        {"reason": "7", "name": "shop.example"},
        {"reason": "3", "name": "shop.example"},
        {"reason": "x", "name": "shop.example"},
        {},
    ],
)
def test_a_wrong_word_revokes_nothing_and_says_so(browser, alice, certificate, typed):
    response = browser(alice).post(url_of(certificate), typed)
    assert response.status_code == 422
    assert "Please check" in response.content.decode()
    assert not Revocation.objects.exists()


@pytest.mark.parametrize("typed", ["shop.example", " Shop.Example. ", "SHOP.EXAMPLE"])
def test_the_name_is_taken_as_people_type_it(browser, alice, certificate, typed):
    response = browser(alice).post(url_of(certificate), GOOD | {"name": typed})
    assert response.status_code == 302
    row = Revocation.objects.get()
    assert (row.certificate_id, row.reason, row.asked_by, row.asked_at, row.due_at) == (
        certificate.pk,
        4,
        alice,
        NOW,
        NOW,
    )
    entry = Entry.objects.get(action="certificate:revocation_asked")
    assert (entry.actor, entry.address, entry.plan_id) == (alice.email, "203.0.113.7", certificate.plan_id)
    assert entry.details["reason"] == "superseded"


@pytest.mark.parametrize("typed", ["münchen.example", "xn--mnchen-3ya.example"])
def test_a_name_with_umlauts_is_taken_either_way(browser, alice, typed):
    certificate = certificate_for(plan_for(alice, "xn--mnchen-3ya.example"))
    assert browser(alice).post(url_of(certificate), GOOD | {"name": typed}).status_code == 302


def test_a_wildcard_is_typed_as_one(browser, alice):
    certificate = certificate_for(plan_for(alice, "*.shop.example"))
    assert browser(alice).post(url_of(certificate), GOOD).status_code == 422
    assert browser(alice).post(url_of(certificate), GOOD | {"name": "*.shop.example"}).status_code == 302


# --- how far it is ------------------------------------------------------------------------------------------------


def test_under_way_is_told_and_not_asked_again(browser, alice, certificate):
    client = browser(alice)
    client.post(url_of(certificate), GOOD)
    text = page(client, url_of(certificate))
    assert "Revocation under way" in text
    assert "<form method" not in text.split("<main")[1].split("</main>")[0]
    assert client.post(url_of(certificate), {"reason": "1", "name": "shop.example"}).status_code == 302
    assert Revocation.objects.get().reason == 4
    assert "Revocation under way" in overview(client, certificate)
    assert standing(certificate).slug == Headline.REISSUE_DUE
    assert "Secured" not in overview(client, certificate).split("<main")[1]


def test_trouble_is_told_with_the_next_moment(browser, alice, certificate):
    client = browser(alice)
    client.post(url_of(certificate), GOOD)
    Revocation.objects.update(
        tries=2,
        due_at=NOW + timedelta(minutes=10),
        problem={"type": "x", "detail": "<script>alert(1)</script>"},
    )
    text = page(client, url_of(certificate))
    assert "We ask again" in text
    assert "in 10 minutes" in text
    assert "<script>alert" not in text


def test_the_page_looks_again_until_it_is_done(browser, alice, certificate):
    client, live = browser(alice), reverse("revoke-live", args=[certificate.pk])
    assert client.get(live)["HX-Refresh"] == "true"
    client.post(url_of(certificate), GOOD)
    assert client.get(live, {"state": "True-0"}).status_code == 204
    Revocation.objects.update(tries=1, problem={"detail": "Busy."})
    assert "We ask again" in client.get(live, {"state": "True-0"}).content.decode()
    end(certificate, done_at=NOW)
    assert client.get(live, {"state": "True-1"})["HX-Refresh"] == "true"


def test_revoked_is_told_everywhere(browser, alice, certificate):
    client = browser(alice)
    client.post(url_of(certificate), GOOD)
    end(certificate, done_at=NOW)
    assert "Revoked" in page(client, url_of(certificate))
    text = overview(client, certificate)
    assert "Reissue due" in text
    assert "was revoked: do not install it" in text
    assert f'href="{url_of(certificate)}"' not in text
    assert client.post(url_of(certificate), GOOD).status_code == 302
    assert Revocation.objects.count() == 1


@pytest.mark.parametrize("slug", ["fullchain", "nginx"])
def test_a_revoked_certificate_can_still_be_downloaded_with_a_warning(browser, alice, certificate, slug):
    client = browser(alice)
    client.post(url_of(certificate), GOOD)
    end(certificate, done_at=NOW)
    url = reverse("download", args=[certificate.pk, slug])
    assert "do not install it" in page(client, url)
    assert "attachment" in client.post(url)["Content-Disposition"]


def test_refused_is_told_with_the_reason_and_may_be_asked_anew(browser, alice, certificate):
    client = browser(alice)
    client.post(url_of(certificate), GOOD)
    end(certificate, refused_at=NOW, problem={"type": BAD_REASON, "detail": "Account 1234 may not."})
    text = page(client, url_of(certificate))
    assert "refused" in text
    assert "does not take this reason" in text
    assert "1234" not in text, "what it says about our account is for staff"
    assert "certbot revoke" not in text, "we hold the key: there is nothing to do by hand"
    assert "refused" in overview(client, certificate)
    client.post(url_of(certificate), {"reason": "0", "name": "shop.example"})
    row = Revocation.objects.get()
    assert (row.reason, row.refused_at, row.due_at) == (0, None, NOW)


@pytest.mark.parametrize("key", ["pasted", "destroyed"])
def test_who_holds_the_key_alone_is_told_what_they_can_do(browser, alice, key):
    certificate = certificate_for(plan_for(alice), key=key)
    client = browser(alice)
    client.post(url_of(certificate), GOOD | {"reason": "1"})
    end(certificate, refused_at=NOW, problem={"type": "urn:x", "detail": "No."})
    text = page(client, url_of(certificate))
    assert "--server https://127.0.0.1:14000/dir" in text
    assert "--reason keycompromise" in text


def test_an_expired_certificate_needs_none(browser, alice):
    certificate = certificate_for(plan_for(alice), issued_at=NOW - 100 * DAY)
    client = browser(alice)
    assert "need not be revoked" in page(client, url_of(certificate))
    assert client.post(url_of(certificate), GOOD).status_code == 302
    assert not Revocation.objects.exists()
    assert f'href="{url_of(certificate)}"' not in overview(client, certificate)


def test_an_earlier_certificate_that_is_still_trusted_has_its_own_link(browser, alice, certificate):
    Certificate.objects.filter(pk=certificate.pk).update(state="superseded")
    newer = certificate_for(certificate.plan, issued_at=NOW + timedelta(hours=1))
    client = browser(alice)
    text = overview(client, newer)
    assert "A reissue does not revoke them" in text
    assert f'href="{url_of(certificate)}"' in text
    client.post(url_of(certificate), GOOD)
    assert Revocation.objects.get().certificate_id == certificate.pk
    assert standing(newer).slug == Headline.ISSUED, "the one in use is not touched"


# --- a key that became known -----------------------------------------------------------------------------------


@pytest.fixture
def pasted(alice):
    """A certificate under a key that only alice has; the plan is set up with the CSR it was issued for."""
    certificate = certificate_for(plan_for(alice), key="pasted")
    csr = x509.load_der_x509_csr(bytes(certificate.issuance.csr))
    Activation.objects.filter(plan=certificate.plan).update(
        csr_source="pasted", csr_pem=csr.public_bytes(Encoding.PEM).decode()
    )
    return certificate


def compromised(client, certificate) -> None:
    assert client.post(url_of(certificate), GOOD | {"reason": "1"}).status_code == 302


def later() -> time_machine.travel:
    return time_machine.travel(NOW + timedelta(minutes=5), tick=False)


def test_the_plan_is_back_at_its_setup_and_the_old_csr_gets_nothing(browser, alice, pasted):
    client = browser(alice)
    compromised(client, pasted)
    end(pasted, done_at=NOW)
    assert standing(pasted).slug == Headline.SETUP_NEEDED
    assert "new CSR" in overview(client, pasted)
    response = client.post(reverse("reissue", args=[pasted.plan_id]), follow=True)
    assert "was reported as known to others" in response.content.decode()
    assert Issuance.objects.count() == 1


def test_the_same_key_in_another_csr_is_refused_everywhere(browser, alice, bob, pasted):
    compromised(browser(alice), pasted)
    old = Activation.objects.get(plan=pasted.plan).csr_pem
    response = browser(alice).post(reverse("new-csr", args=[pasted.plan_id]), {"csr": old})
    assert response.status_code == 422
    assert "reported as compromised" in response.content.decode()
    plan = plan_for(bob)
    Activation.objects.filter(plan=plan).update(csr_done_at=None)
    typed = {"csr_source": "pasted", "csr": old, "name-0": "shop.example"}
    response = browser(bob).post(reverse("activation-csr", args=[plan.pk]), typed)
    assert response.status_code == 422
    assert "reported as compromised" in response.content.decode()


def test_a_new_csr_brings_the_next_certificate(browser, alice, pasted):
    compromised(browser(alice), pasted)
    with later():
        csr = samples.csr(["shop.example"], common=None, key=keys.generate("ec-p256"))
        response = browser(alice).post(reverse("new-csr", args=[pasted.plan_id]), {"csr": samples.pem(csr)})
    assert response.status_code == 302
    wanted = Issuance.objects.get(state="wanted")
    assert (wanted.kind, wanted.key_id) == ("rekey", None)
    assert bytes(wanted.csr) == csr
    assert Activation.objects.get(plan=pasted.plan).csr_done_at != NOW


def test_or_we_make_the_key(browser, alice, pasted):
    compromised(browser(alice), pasted)
    with later():
        response = browser(alice).post(reverse("new-csr", args=[pasted.plan_id]), {"make": "1"})
    assert response.status_code == 302
    wanted = Issuance.objects.get(state="wanted")
    assert (wanted.kind, wanted.key_type, wanted.csr) == ("rekey", "ec-p256", None)
    assert Activation.objects.get(plan=pasted.plan).csr_source == "generated"


def test_all_certificates_under_the_key_go_together(browser, alice, bob, pasted):
    Certificate.objects.filter(pk=pasted.pk).update(state="superseded")
    newer = certificate_for(pasted.plan, key="pasted", issued_at=NOW + timedelta(hours=1))
    theirs = certificate_for(plan_for(bob), key="pasted")
    assert newer.spki_sha256 == pasted.spki_sha256 == theirs.spki_sha256
    client = browser(alice)
    assert "other certificate under the same key" in page(client, url_of(pasted))
    compromised(client, pasted)
    assert set(Revocation.objects.values_list("certificate", flat=True)) == {pasted.pk, newer.pk}


def test_for_any_other_reason_only_the_one_goes(browser, alice, pasted):
    Certificate.objects.filter(pk=pasted.pk).update(state="superseded")
    certificate_for(pasted.plan, key="pasted", issued_at=NOW + timedelta(hours=1))
    browser(alice).post(url_of(pasted), GOOD)
    assert Revocation.objects.count() == 1


def test_a_key_of_ours_is_made_anew_so_the_next_one_is_only_a_button_away(browser, alice, certificate):
    client = browser(alice)
    compromised(client, certificate)
    assert standing(certificate).slug == Headline.REISSUE_DUE
    client.post(reverse("reissue", args=[certificate.plan_id]))
    assert Issuance.objects.get(state="wanted").kind == "rekey"
    assert Letter.objects.count() == 0
