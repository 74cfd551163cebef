"""Step 4: what to publish, what is seen there, and the buttons beside it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from certificates.activation.approving import approval_of
from certificates.models import Issuance
from tests.certificates.activation.at_the_ca import (
    TOKEN,
    ask_live,
    found,
    open_order,
    seen_finding,
    set_up_once,
)
from tests.factories import certificate_for
from validation.methods import METHODS
from validation.models import Authorization, Challenge, Delegation
from validation.problems import Finding

pytestmark = pytest.mark.django_db


def test_before_the_ca_has_answered_the_page_says_so(wizard):
    wizard.walk()
    page = wizard.get("activation-approve").content.decode()
    assert "What to publish appears here in a moment" in page
    assert 'hx-trigger="every 2s"' in page


def test_it_shows_exactly_what_to_publish_by_dns(opened):
    page = opened.get("activation-approve").content.decode()
    value = METHODS["dns-01"].instruction(Challenge.objects.get(type="dns-01"), "shop.example").value
    assert f">{value}</code>" in page
    assert ">_acme-challenge</code>" in page
    assert ">_acme-challenge.shop.example</code>" in page
    assert "We have not looked yet" in page
    assert "127.0.0.1:8100/publish?type=TXT&amp;name=_acme-challenge.shop.example" in page


def test_the_panel_is_not_linked_in_production(opened, settings):
    settings.HOSTING_PANEL_URL = ""
    assert "pretend hosting panel" not in opened.get("activation-approve").content.decode()


def test_it_gives_the_file_for_http(opened):
    opened.post("activation-method", {"method": "http-01"}, 1)
    page = opened.get("activation-approve").content.decode()
    assert "Download file" in page
    assert f"{TOKEN}1.thumbprint" in page
    file = opened.get("activation-file", 1)
    assert file.content == f"{TOKEN}1.thumbprint".encode()
    assert file["Content-Disposition"] == f'attachment; filename="{TOKEN}1"'


def test_there_is_no_file_for_dns_nor_for_a_name_that_is_not_there(opened):
    assert opened.get("activation-file", 1).status_code == 404
    assert opened.get("activation-file", 2).status_code == 404
    assert opened.get("activation-file", 0).status_code == 404


def test_a_token_that_is_no_file_name_is_not_offered_for_download(opened):
    opened.post("activation-method", {"method": "http-01"}, 1)
    Challenge.objects.update(token='../"evil')
    assert opened.get("activation-file", 1).status_code == 404


def test_it_says_what_it_sees_and_what_is_wrong(opened):
    found(opened, name="_acme-challenge.shop.example", seen="<script>alert(1)</script>")
    page = opened.get("activation-approve").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "its value is not the expected one" in page
    assert "the repair line" in page
    assert "We look again" in page


def test_it_says_that_two_values_share_one_place(wizard_for):
    wizard = wizard_for("shop.example", "*.shop.example")
    wizard.post(
        "activation-csr",
        {"csr_source": "generated", "single-1": "shop.example", "wildcard-1": "*.shop.example"},
    )
    wizard.contacts()
    wizard.finish()
    open_order(wizard)
    assert "Two values at one place" in wizard.get("activation-approve").content.decode()


# --- live -----------------------------------------------------------------------------------------------------------


def test_nothing_is_sent_while_nothing_changes(opened):
    assert ask_live(opened).status_code == 204


def test_a_new_finding_goes_to_its_place_without_touching_the_rest(opened):
    page = opened.get("activation-approve")
    found(opened, name="n")
    answer = ask_live(opened, page)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="name-1-live" hx-swap-oob="innerHTML"' in text
    assert "something else" in text
    assert "_acme-challenge</code>" not in text
    assert 'id="approve-announce"' not in text
    assert "HX-Retarget" not in answer


def test_news_are_read_aloud_once(opened):
    page = opened.get("activation-approve")
    found(opened, "in_place", in_place=True, seen="e")
    text = ask_live(opened, page).content.decode()
    assert 'id="approve-announce"' in text
    assert "This is right." in text


def test_another_value_draws_the_page_anew(opened):
    page = opened.get("activation-approve")
    opened.post("activation-method", {"method": "http-01"}, 1)
    answer = ask_live(opened, page)
    assert answer["HX-Retarget"] == "#approve"
    assert "Download file" in answer.content.decode()


def test_quick_looks_do_not_make_the_page_flicker(opened):
    Authorization.objects.update(due_at=timezone.now() + timedelta(seconds=2))
    page = opened.get("activation-approve")
    assert "every few seconds" in page.content.decode()
    Authorization.objects.update(due_at=timezone.now() + timedelta(seconds=5), looks=7)
    assert ask_live(opened, page).status_code == 204


def test_it_asks_less_often_the_longer_one_waits(opened):
    now = opened.running.created_at
    paces = [approval_of(opened.plan, now + timedelta(minutes=m)).poll_seconds for m in (1, 30, 120)]
    assert paces == [2, 5, 30]
    Challenge.objects.update(answered_at=now)
    assert approval_of(opened.plan, now + timedelta(minutes=30)).poll_seconds == 2


def test_once_issued_the_browser_is_sent_to_the_overview(opened):
    page = opened.get("activation-approve")
    Issuance.objects.update(state="issued", ended_at=timezone.now())
    opened.plan.refresh_from_db()
    certificate_for(opened.plan)
    answer = ask_live(opened, page)
    assert answer["HX-Redirect"] == opened.url("overview")
    assert opened.get("activation-approve").url == opened.url("overview")


def test_a_request_that_failed_leads_back_to_the_steps(opened):
    problem = {
        "type": "urn:ietf:params:acme:error:rejectedIdentifier",
        "detail": "Policy forbids shop.example",
    }
    Issuance.objects.update(state="failed", ended_at=timezone.now(), problem=problem)
    assert opened.get("activation-approve").url == opened.url("activation-methods")
    page = opened.get("activation-methods").content.decode()
    assert "The certificate authority will not issue for these names" in page
    assert "Policy forbids shop.example" in page
    opened.csr("better.example")
    opened.finish()
    assert "will not issue" not in opened.get("activation-methods").content.decode()


# --- the buttons ------------------------------------------------------------------------------------------------------


def test_check_now_looks_at_once(opened):
    answer = opened.post("activation-check")
    assert answer.url == opened.url("activation-approve")
    assert Authorization.objects.get().due_at <= timezone.now()


def test_check_now_by_htmx_answers_with_the_parts(opened):
    layout = opened.get("activation-approve").context["approval"].layout
    answer = opened.post("activation-check", {"layout": layout}, headers={"hx-request": "true"})
    assert "We are looking now." in answer.content.decode()
    assert "HX-Retarget" not in answer


def test_asking_the_ca_anyway_is_remembered(opened):
    opened.post("activation-insist", {}, 1)
    assert Authorization.objects.get().insisted_at is not None
    assert "We ask the CA although we do not see it" in opened.get("activation-approve").content.decode()


@pytest.mark.parametrize("method", ["email", "", "tls-alpn-01"])
def test_a_method_that_cannot_be_had_changes_nothing(opened, method):
    opened.post("activation-method", {"method": method}, 1)
    assert Authorization.objects.get().method == "dns-01"
    assert opened.running.names[0]["method"] == "dns-01"


def test_a_wildcard_is_offered_nothing_but_dns(wizard_for):
    wizard = wizard_for("*.shop.example")
    wizard.post("activation-csr", {"csr_source": "generated", "wildcard-1": "*.shop.example"})
    wizard.contacts()
    wizard.finish()
    open_order(wizard)
    assert "Use HTTP instead" not in wizard.get("activation-approve").content.decode()
    wizard.post("activation-method", {"method": "http-01"}, 1)
    assert Authorization.objects.get().method == "dns-01"


def test_buttons_of_a_request_that_is_over_are_not_there(opened):
    Issuance.objects.update(state="withdrawn", ended_at=timezone.now())
    assert opened.post("activation-try-again").status_code == 404
    assert opened.post("activation-insist", {}, 1).status_code == 404


def test_check_now_at_the_moment_of_the_end_leads_to_where_the_plan_stands(opened):
    Issuance.objects.update(state="withdrawn", ended_at=timezone.now())
    assert opened.post("activation-check").status_code == 302


def test_the_page_asks_as_often_for_25_names_as_for_one(wizard_for):
    counts = []
    for many in (1, 25):
        wizard = wizard_for(*(f"n{n}.m{many}.example" for n in range(many)))
        wizard.walk(*wizard.ordered)
        open_order(wizard)
        Authorization.objects.update(
            finding=Finding("dns_nothing", False, facts={"name": "n", "host": "h"}).as_json()
        )
        for name in ("activation-approve", "activation-live"):
            with CaptureQueriesContext(connection) as captured:
                assert wizard.get(name).status_code == 200
            counts.append(len(captured))
    assert counts[:2] == counts[2:]
    assert max(counts) <= 19


# --- the doctor's words on the page --------------------------------------------------------------------------------


def test_what_to_publish_stands_in_the_words_of_the_providers_form(opened):
    seen_finding("dns_nothing", zone="shop.example", provider="route53")
    page = opened.get("activation-approve").content.decode()
    assert "is kept at <strong>Amazon Route 53</strong>" in page
    assert "Record name" in page
    assert "<code data-copy-text>&quot;" in page  # this form wants its quotes typed
    assert "As a line" not in page


def test_whose_provider_is_unknown_gets_the_line_and_both_spellings(opened):
    seen_finding("dns_nothing", zone="shop.example", provider="")
    page = opened.get("activation-approve").content.decode()
    assert "As a line" in page
    assert "_acme-challenge.shop.example. 300 IN TXT &quot;" in page
    assert "Full name" in page


def test_a_caa_record_to_add_stands_field_by_field_and_once(opened):
    line = 'shop.example. CAA 0 issue "ca.example"'
    seen_finding("caa_other_issuer", line, found_at="shop.example", zone="shop.example", provider="")
    page = opened.get("activation-approve").content.decode()
    assert page.count("shop.example. CAA 0 issue &quot;ca.example&quot;") == 1
    assert "Flags" in page
    seen_finding("caa_other_issuer", line, found_at="shop.example", zone="shop.example", provider="inwx")
    page = opened.get("activation-approve").content.decode()
    assert "leave it empty" in page
    assert "shop.example. CAA" not in page


def test_what_must_go_first_is_named_and_until_when_a_no_may_last(opened):
    until = timezone.now().replace(hour=23, minute=59) + timedelta(days=1)
    remove = ("_acme-challenge.shop.example. CNAME",)
    seen_finding(
        "dns_cname_empty",
        "x",
        remove,
        zone="shop.example",
        target="t.example",
        negative_until=until.isoformat(),
    )
    page = opened.get("activation-approve").content.decode()
    assert "Remove this first" in page
    assert "_acme-challenge.shop.example. CNAME" in page
    assert "until 23:59 UTC" in page


def test_the_way_of_a_redirect_is_shown_and_nothing_in_it_is_markup(opened):
    hops = [
        {"url": "http://shop.example/x", "status": 301, "address": "192.0.2.1", "location": "y"},
        {"url": "http://shop.example/<script>", "status": 200, "address": "192.0.2.1", "location": ""},
    ]
    Authorization.objects.update(method="http-01")
    seen_finding("http_html", "x", hops=hops)
    page = opened.get("activation-approve").content.decode()
    assert "http://shop.example/x → 301 (192.0.2.1)" in page
    assert "/&lt;script&gt; → 200" in page


# --- what was set up once --------------------------------------------------------------------------------------


def test_a_name_that_proves_itself_has_nothing_to_publish(opened):
    set_up_once(opened.plan.owner)
    page = opened.get("activation-approve").content.decode()
    assert "This name proves itself by what was set up once" in page
    assert "your names prove themselves" in page
    assert "Add this TXT record" not in page
    value = METHODS["dns-01"].instruction(Challenge.objects.get(type="dns-01"), "shop.example").value
    assert value not in page


@pytest.mark.parametrize("trouble", ["gone", "another kind", "another customer", "seen otherwise"])
def test_where_it_does_not_the_record_is_shown(opened, bob, trouble):
    owner = bob if trouble == "another customer" else opened.plan.owner
    row = set_up_once(owner, "redirect" if trouble == "another kind" else "cname")
    if trouble == "gone":
        Delegation.objects.filter(pk=row.pk).update(broken_at=timezone.now())
    if trouble == "seen otherwise":
        found(opened, name="n", host="h", zone="shop.example")
    page = opened.get("activation-approve").content.decode()
    assert "Add this TXT record" in page
    assert "prove themselves" not in page


def test_our_own_zones_trouble_gives_the_customer_nothing_to_do(opened):
    set_up_once(opened.plan.owner)
    found(opened, "delegation_zone_down", name="n")
    page = opened.get("activation-approve").content.decode()
    assert "our staff are told" in page
    assert "Add this TXT record" not in page


def test_a_name_that_is_accepted_is_labelled_by_what_proved_it(opened):
    Authorization.objects.update(status="valid", method="http-01")
    assert approval_of(opened.plan, timezone.now()).names[0].method == "http-01"
