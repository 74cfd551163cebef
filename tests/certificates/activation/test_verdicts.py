"""Step 4 when the CA has spoken: what it refused, what expired, what it accepted."""

from __future__ import annotations

import pytest
from django.utils import timezone

from certificates.models import AcmeOrder
from tests.certificates.activation.at_the_ca import TOKEN, open_order, refuse, rest
from validation.models import Authorization, Challenge

pytestmark = pytest.mark.django_db


def test_a_wish_that_comes_after_the_ca_was_asked_waits_for_the_next_order(opened):
    Challenge.objects.filter(type="dns-01").update(answered_at=timezone.now())
    opened.post("activation-method", {"method": "http-01"}, 1)
    page = opened.get("activation-approve")
    assert page.context["approval"].names[0].instruction.kind == "dns"
    assert "The certificate authority is looking now" in page.content.decode()
    refuse(opened)
    assert opened.get("activation-approve").context["approval"].names[0].method == "http-01"


def test_the_cas_verdict_is_told_in_plain_words_and_in_its_own(opened):
    refuse(opened)
    page = opened.get("activation-approve").content.decode()
    assert "did not accept the validation" in page
    assert "found something else than what it expected" in page
    assert "Incorrect TXT record &lt;b&gt;found&lt;/b&gt;" in page
    assert "Try again" in page
    assert "Check now" not in page


def test_an_expired_request_shows_one_button_and_calls_nothing_refused(opened):
    rest(opened)
    page = opened.get("activation-approve").content.decode()
    assert "What was to be published has expired" in page
    assert "Continue" in page
    for wrong in ("did not accept", "Not accepted", "Check now", TOKEN):
        assert wrong not in page
    opened.post("activation-try-again")
    open_order(opened)
    page = opened.get("activation-approve").content.decode()
    assert "has expired" not in page
    assert "_acme-challenge.shop.example" in page


def test_an_unknown_verdict_is_told_in_the_cas_words(opened):
    refuse(opened, kind="brandNew", detail="A new kind of refusal")
    assert "A new kind of refusal" in opened.get("activation-approve").content.decode()


def test_try_again_opens_another_order_of_the_same_request(opened):
    refuse(opened)
    opened.post("activation-try-again")
    assert AcmeOrder.objects.filter(issuance=opened.running).count() == 2
    assert "What to publish appears here in a moment" in opened.get("activation-approve").content.decode()
    open_order(opened)
    page = opened.get("activation-approve").content.decode()
    assert "did not accept" not in page


def test_try_again_while_an_order_runs_changes_nothing(opened):
    opened.post("activation-try-again")
    assert AcmeOrder.objects.count() == 1


def test_a_name_given_back_after_the_csr_was_sent_is_not_called_refused(opened):
    # The page has read the order just before the certificate was stored, and its names just after.
    AcmeOrder.objects.update(status="valid", waiting_for="ca", finalizing_at=timezone.now())
    Authorization.objects.update(status="deactivated", due_at=None)
    page = opened.get("activation-approve").content.decode()
    assert "Accepted by the certificate authority" in page
    assert "Not accepted" not in page


def test_a_name_that_we_closed_at_the_ca_is_not_called_refused(opened):
    Authorization.objects.update(status="deactivated", due_at=None)
    page = opened.get("activation-approve").content.decode()
    assert "Nothing to publish right now" in page
    assert "Not accepted" not in page
