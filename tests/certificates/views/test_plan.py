"""SSL Overview of one plan, in each of its standings."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Entry
from certificates.models import AcmeOrder, Certificate, Inspection, Issuance
from orders.models import Plan
from tests.conftest import NOW
from tests.factories import PlanFactory, certificate_for, issuance_for, plan_for


def url_of(plan) -> str:
    return reverse("overview", args=[plan.pk])


def page_of(client, plan) -> str:
    response = client.get(url_of(plan))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


# --- who --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "name"),
    [("get", "overview"), ("get", "overview-live"), ("post", "reissue"), ("get", "reissue")],
)
def test_a_stranger_and_staff_find_nothing(browser, alice, bob, support, operator, method, name):
    plan = plan_for(alice, "secret.example")
    certificate_for(plan)
    for person in (bob, support, operator):
        response = getattr(browser(person), method)(reverse(name, args=[plan.pk]))
        assert response.status_code in {404, 405}
        assert "secret.example" not in response.content.decode()
    assert getattr(Client(), method)(reverse(name, args=[plan.pk])).status_code == 302
    assert Issuance.objects.count() == 1


def test_a_plan_that_is_none_does_not_exist(browser, alice):
    assert browser(alice).get("/certificates/8c2e5d1f-0000-4000-8000-000000000000/").status_code == 404
    assert browser(alice).get("/certificates/1/").status_code == 404


# --- before the first certificate -------------------------------------------------------------------


def test_a_fresh_plan_leads_into_the_wizard(browser, alice):
    plan = PlanFactory(owner=alice, order_names=["fresh.example"])
    page = page_of(browser(alice), plan)
    assert "<h1>" in page
    assert "fresh.example" in page
    assert f'href="{reverse("activation", args=[plan.pk])}">Continue setup' in page
    assert "Download Certificate" not in page
    assert "hx-get" not in page


def test_a_begun_plan_says_where_it_goes_on(browser, alice):
    plan = plan_for(alice)
    plan.activation.contacts_done_at = None
    plan.activation.save()
    assert "Go on with Step 2 of 4, Contacts." in page_of(browser(alice), plan)


def test_a_running_request_shows_its_steps_and_looks_again_by_itself(browser, alice):
    plan = plan_for(alice)
    issuance_for(plan, url="https://ca.example/1", waiting_for="customer", due_at=NOW + timedelta(seconds=30))
    page = page_of(browser(alice), plan)
    assert "Waiting for you" in page
    assert "Order opened at the certificate authority" in page
    assert f'hx-get="{reverse("overview-live", args=[plan.pk])}' in page
    assert 'aria-live="polite"' in page


def test_the_live_part_is_silent_until_something_changes_and_reloads_at_the_end(browser, alice):
    plan = plan_for(alice)
    issuance = issuance_for(plan, url="https://ca.example/1", waiting_for="customer", due_at=NOW)
    client, url = browser(alice), reverse("overview-live", args=[plan.pk])
    state = client.get(url).context["state"]
    assert client.get(url, {"state": state}).status_code == 204
    AcmeOrder.objects.update(status="processing", waiting_for="ca", answered_at=NOW, finalizing_at=NOW)
    changed = client.get(url, {"state": state})
    assert changed.status_code == 200
    assert "Issuing" in changed.content.decode()
    assert "<html" not in changed.content.decode()
    Issuance.objects.filter(pk=issuance.pk).update(state="withdrawn", ended_at=NOW)
    ended = client.get(url, {"state": changed.context["state"]})
    assert ended["HX-Refresh"] == "true"


# --- with a certificate -----------------------------------------------------------------------------


@pytest.fixture
def issued(alice):
    plan = plan_for(alice, "shop.example", "www.shop.example")
    return certificate_for(plan)


def test_an_issued_plan_offers_everything_there_is(browser, alice, issued):
    page = page_of(browser(alice), issued.plan)
    for words in (
        "Download Certificate",
        "Install",
        "Test installation",
        "Private key",
        "with private key",
        "Your plan",
    ):
        assert words in page
    for slug in ("nginx", "apache", "pfx", "p7b", "cer", "fullchain", "leaf", "chain", "key"):
        assert f'href="{reverse("download", args=[issued.pk, slug])}"' in page
    for slug in ("install-nginx", "install-apache", "install-iis"):
        assert f'href="{reverse("guide", args=[slug])}"' in page
    assert f'action="{reverse("test-installation", args=[issued.pk])}"' in page
    assert issued.serial in page
    assert issued.fingerprint in page
    assert "hx-get" not in page
    assert "PRIVATE KEY-----" not in page


def test_a_key_of_the_customers_own_takes_its_formats_away(browser, alice):
    certificate = certificate_for(plan_for(alice), key="pasted")
    page = page_of(browser(alice), certificate.plan)
    assert "You made the CSR: the key is on your server" in page
    assert "with private key" not in page
    for slug in ("pfx", "key"):
        assert reverse("download", args=[certificate.pk, slug]) not in page
    assert f'href="{reverse("guide", args=["complete-request-iis"])}"' in page
    assert "Destroy" not in page


def test_an_earlier_certificate_is_listed_and_the_newest_is_shown(browser, alice):
    plan = plan_for(alice)
    old = certificate_for(plan, issued_at=NOW - timedelta(days=30), state="superseded")
    new = certificate_for(plan, kind="rekey")
    page = page_of(browser(alice), plan)
    assert "1 earlier certificate" in page
    assert old.serial[:16] in page
    assert reverse("download", args=[new.pk, "nginx"]) in page
    assert reverse("download", args=[old.pk, "nginx"]) not in page


def test_a_certificate_that_ends_soon_can_be_followed_by_the_next(browser, alice):
    plan = plan_for(alice)
    certificate_for(plan, issued_at=NOW - timedelta(days=70))
    page = page_of(browser(alice), plan)
    assert "Reissue due" in page
    assert f'action="{reverse("reissue", args=[plan.pk])}"' in page
    assert "Get the next certificate" in page


def test_an_expired_plan_leads_to_the_shop(browser, alice):
    plan = plan_for(alice)
    certificate_for(plan, issued_at=NOW - timedelta(days=100))
    Plan.objects.filter(pk=plan.pk).update(
        starts_at=NOW - timedelta(days=400), ends_at=NOW - timedelta(days=35)
    )
    page = page_of(browser(alice), plan)
    assert "Expired" in page
    assert f'href="{reverse("products")}">Order now' in page
    assert reverse("reissue", args=[plan.pk]) not in page


def test_a_revoked_certificate_is_called_so(browser, alice, issued):
    Certificate.objects.update(state="revoked")
    page = page_of(browser(alice), issued.plan)
    assert "The certificate was revoked." in page
    assert "do not install it any more" in page
    assert "Test installation" not in page.split("<main")[1]


def test_a_suspended_plan_keeps_its_downloads_and_asks_for_nothing(browser, alice, issued):
    Plan.objects.filter(pk=issued.plan_id).suspend()
    page = page_of(browser(alice), issued.plan)
    assert "Cancelled" in page
    assert reverse("reissue", args=[issued.plan_id]) not in page


def test_a_request_that_was_refused_for_good_is_said_beside_the_certificate(browser, alice, issued):
    issuance_for(issued.plan, created_at=NOW + timedelta(seconds=1), kind="rekey", status="invalid")
    Issuance.objects.filter(state="wanted").update(state="failed", ended_at=NOW)
    page = page_of(browser(alice), issued.plan)
    assert "The last request was refused" in page
    assert "Issued, not installed" in page


def test_what_a_site_served_cannot_write_into_the_page(browser, alice, issued):
    evil = "<script>alert(1)</script>"
    Inspection.objects.create(
        certificate=issued, name="shop.example", port=443, address="192.0.2.1", at=NOW, slug="other_certificate", ok=False,
        seen={"names": [evil], "issuer": evil, "serial": "1", "not_after": NOW.isoformat(), "sent": 1},
    )  # fmt: skip
    page = page_of(browser(alice), issued.plan)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_the_sandbox_leads_to_the_pretend_hosting_company_and_production_does_not(
    browser, alice, issued, settings
):
    settings.HOSTING_PANEL_URL = "http://127.0.0.1:8100"
    assert 'href="http://127.0.0.1:8100/domains/shop.example#certificate"' in page_of(
        browser(alice), issued.plan
    )
    settings.HOSTING_PANEL_URL = ""
    assert "/domains/" not in page_of(browser(alice), issued.plan)


def test_the_page_is_kept_by_nobody(browser, alice, issued):
    assert "no-store" in browser(alice).get(url_of(issued.plan))["Cache-Control"]


def test_the_number_of_queries_does_not_grow_with_the_certificates(browser, alice):
    few, many = (
        plan_for(alice, "few.example"),
        plan_for(alice, "many.example", "b.example", "c.example", "d.example"),
    )
    certificate_for(few)
    for days in range(12):
        certificate_for(many, issued_at=NOW - timedelta(days=30 + days), state="superseded")
    newest = certificate_for(many)
    for plan in (few, many):
        for name in ("a", "b"):
            certificate = plan.certificates.order_by("-issued_at")[0]
            Inspection.objects.create(
                certificate=certificate, name=name, port=443, at=NOW, slug="http_refused", ok=False
            )
    assert newest.inspections.count() == 2
    client, counts = browser(alice), []
    for plan in (few, many):
        with CaptureQueriesContext(connection) as queries:
            client.get(url_of(plan))
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 14


# --- reissue ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "kind"), [("held", "rekey"), ("pasted", "reissue")])
def test_the_next_certificate_is_asked_for_once(browser, alice, key, kind, monkeypatch):
    plan = plan_for(alice)
    certificate = certificate_for(plan, key=key)
    if key == "pasted":
        from tests.certificates import samples

        plan.activation.csr_pem = samples.pem(samples.csr(["shop.example"]))
        plan.activation.save()
    client = browser(alice)
    response = client.post(reverse("reissue", args=[plan.pk]))
    assert response["Location"] == reverse("activation-approve", args=[plan.pk])
    client.post(reverse("reissue", args=[plan.pk]))
    wanted = Issuance.objects.get(state="wanted")
    assert (wanted.kind, wanted.texts, wanted.requested_by) == (kind, ["shop.example"], alice)
    assert Certificate.objects.get(pk=certificate.pk).state == "valid"
    entry = Entry.objects.get(action="issuance:requested")
    assert (entry.actor, entry.address) == (alice.email, "203.0.113.7")


@pytest.mark.parametrize("state", ["open", "suspended", "ended"])
def test_a_plan_that_does_not_run_yields_nothing(browser, alice, state):
    plan = plan_for(alice)
    certificate_for(plan)
    Plan.objects.filter(pk=plan.pk).update(state=state)
    browser(alice).post(reverse("reissue", args=[plan.pk]))
    assert not Issuance.objects.filter(state="wanted").exists()


def test_a_plan_whose_time_is_over_yields_nothing(browser, alice):
    plan = plan_for(alice)
    certificate_for(plan)
    Plan.objects.filter(pk=plan.pk).update(ends_at=NOW)
    browser(alice).post(reverse("reissue", args=[plan.pk]))
    assert not Issuance.objects.filter(state="wanted").exists()
