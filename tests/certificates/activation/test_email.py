"""Email by its buttons: who can be asked, what the owner sees and answers, and what the customer reads meanwhile."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Letter
from certificates.activation import emailing
from certificates.issuance import approvals
from certificates.issuance.walk import Walk
from certificates.models import AcmeOrder, CaAccount
from portal import sweeping
from tests.certificates.activation.at_the_ca import open_order, rest
from tests.validation.fake_dns import FakeDns
from validation import conversing, resolver
from validation.models import Approval, Authorization, Control

pytestmark = pytest.mark.django_db
KEY = "admin@shop.example shop.example"


@pytest.fixture(autouse=True)
def mail(settings):
    cache.clear()
    server = FakeDns()
    settings.VALIDATION_NAMESERVERS = [server.text]
    server.add("shop.example", "MX", "10 mail.shop.example.")
    server.add("xn--mnchen-3ya.example", "MX", "10 mail.shop.example.")
    yield server
    server.close()


@pytest.fixture
def email(wizard_for):
    """A wizard of an account in this Email mode, in front of step 3."""

    def begin(*names, mode="assisted"):
        wizard = wizard_for(*(names or ("shop.example",)))
        CaAccount.objects.update(email_mode=mode)
        wizard.csr()
        wizard.contacts()
        return wizard

    return begin


def choose(wizard, key=KEY, **more):
    names = {f"method-{name.pk}": "email" for name in wizard.activation.names.all()}
    return wizard.post("activation-methods", {"all": "email", "approver-1": key} | names | more)


def ask(wizard):
    """The engine's part: put the questions, and the lookout's: write the mails."""
    order = AcmeOrder.objects.open().get(issuance=wizard.running)
    walk = Walk(
        order=AcmeOrder.objects.claim(order.pk, timezone.now()), clock=timezone.now, lease_at=timezone.now()
    )
    done = approvals.wait(walk)
    AcmeOrder.objects.filter(pk=order.pk).update(lease_until=None)
    while sweeping.work_one("approvals"):
        pass
    return done


def asked(wizard):
    choose(wizard)
    ask(wizard)
    return Approval.objects.filter(answer="", withdrawn_at=None).latest("created_at")


def opened(wizard):
    """The CA has named its values."""
    row = open_order(wizard)
    Authorization.objects.update(method="dns-01")
    return row


def step_4(wizard):
    return wizard.get("activation-approve").content.decode()


def link(row):
    return reverse("approval", args=[row.token()])


# --- step 3 ---------------------------------------------------------------------------------------------------


def test_where_the_ca_takes_no_mail_it_is_greyed_and_says_why(email):
    wizard = email(mode="off")
    page = wizard.get("activation-methods").content.decode()
    assert "takes no approval by email" in page
    assert 'value="email" id="method-' in page
    assert choose(wizard).status_code == 422
    assert wizard.get("activation-approvers", 1).status_code == 404


def test_public_cas_are_greyed_from_the_day_on(email):
    wizard = email(mode="prevalidated")
    with time_machine.travel(datetime(2028, 3, 15, tzinfo=UTC), tick=False):
        wizard.client.force_login(wizard.plan.owner)
        wizard.plan.ends_at = datetime(2029, 1, 1, tzinfo=UTC)
        wizard.plan.save()
        page = wizard.get("activation-methods").content.decode()
        assert "approval by email has ended" in page
        CaAccount.objects.update(publicly_trusted=False)
        assert "approval by email has ended" not in wizard.get("activation-methods").content.decode()


def test_the_addresses_are_looked_up_when_they_are_wanted(email, mail):
    wizard = email("www.shop.example", "shop.example")
    wizard.get("activation-methods")
    assert not mail.asked
    fragment = wizard.get("activation-approvers", 1).content.decode()
    assert "admin@shop.example" in fragment
    assert "www.shop.example" not in fragment  # one answer is to cover both names


@pytest.fixture
def silence(mail, monkeypatch):
    """Name servers for whose answer only a page's own patience ends the wait."""
    for module, name in (
        (resolver, "SECONDS"),
        (resolver, "SECONDS_PER_SERVER"),
        (conversing, "SECONDS_OVER_UDP"),
    ):
        monkeypatch.setattr(module, name, 60.0)
    monkeypatch.setattr(emailing, "SECONDS_FOR_A_PAGE", 1.0)
    mail.silent = True
    return mail


def test_a_page_waits_for_silent_name_servers_once_and_not_for_long(email, silence):
    wizard = email()
    began = time.monotonic()
    page = wizard.get("activation-approvers", 1).content.decode()
    assert "do not answer just now" in page
    assert time.monotonic() - began < 30
    asked_for = len(silence.asked)
    assert "do not answer just now" in wizard.get("activation-approvers", 1).content.decode()
    assert len(silence.asked) == asked_for > 0
    cache.clear()  # half a minute later
    silence.silent = False
    assert "admin@shop.example" in wizard.get("activation-approvers", 1).content.decode()


def test_who_looks_too_often_is_not_looked_for(email, mail, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"approvers": "2/5m/user"}
    wizard = email()
    for _look in range(2):
        assert "admin@shop.example" in wizard.get("activation-approvers", 1).content.decode()
        cache.delete("approvers:shop.example")
    asked_for = len(mail.asked)
    assert "admin@shop.example" not in wizard.get("activation-approvers", 1).content.decode()
    assert len(mail.asked) == asked_for


def test_step_4_waits_for_silent_name_servers_no_longer(email, mail, request):
    wizard = email()
    asked(wizard)
    cache.clear()
    request.getfixturevalue("silence")
    began = time.monotonic()
    page = wizard.get("activation-approver", 1).content.decode()
    assert "do not answer just now" in page
    assert time.monotonic() - began < 30


def test_without_javascript_finish_shows_the_addresses(email):
    wizard = email()
    answer = choose(wizard, "")
    assert answer.status_code == 422
    assert "hostmaster@shop.example" in answer.content.decode()
    assert "Choose who is asked" in answer.content.decode()


@pytest.mark.parametrize(
    "typed",
    ["ceo@shop.example shop.example", "admin@evil.example shop.example", "admin@shop.example example", "admin@shop.example", "x"],
)  # fmt: skip
def test_an_address_that_somebody_typed_is_no_choice(email, typed):
    wizard = email()
    assert choose(wizard, typed).status_code == 422
    assert wizard.activation.methods_done_at is None
    assert not wizard.plan.issuances.exists()


def test_a_domain_without_mail_says_so(email, mail):
    mail.add("shop.example", "MX", "0 .")
    page = choose(email()).content.decode()
    assert "takes no mail" in page


def test_the_choice_goes_into_the_request_and_stays_with_its_name(email):
    wizard = email()
    assert choose(wizard).status_code == 302
    assert wizard.running.names == [
        {"ascii": "shop.example", "wildcard": False, "method": "email", "approver": "admin@shop.example", "approver_domain": "shop.example"}
    ]  # fmt: skip
    assert (
        'value="admin@shop.example shop.example" selected'
        in wizard.get("activation-approvers", 1).content.decode()
    )


def test_an_idn_is_asked_about_at_its_a_label(email):
    wizard = email("xn--mnchen-3ya.example")
    assert choose(wizard, "admin@xn--mnchen-3ya.example xn--mnchen-3ya.example").status_code == 302
    row = ask(wizard) and Approval.objects.get()
    assert row.names == ["xn--mnchen-3ya.example"]
    assert "münchen.example" in Client().get(link(row)).content.decode()


# --- the mail and the answer ------------------------------------------------------------------------------------


def test_looking_changes_nothing(email):
    wizard = email()
    row = asked(wizard)
    before = Approval.objects.values().get()
    scanner = Client(enforce_csrf_checks=True)
    for verb in ("get", "head", "options", "put", "delete", "patch"):
        getattr(scanner, verb)(link(row))
        getattr(scanner, verb)(link(row) + "?answer=approved")
    assert scanner.post(link(row), {"answer": "approved"}).status_code == 403  # a form of another site
    assert Approval.objects.values().get() == before


def test_the_owner_reads_who_asks_for_what_and_nothing_secret(email):
    wizard = email()
    row = asked(wizard)
    page = Client().get(link(row))
    text = page.content.decode()
    assert page["Cache-Control"].startswith("max-age=0")
    for told in ("shop.example", wizard.plan.owner.email, "Approve", "Reject", "report"):
        assert told in text
    assert row.nonce not in text


def test_a_strangers_link_is_no_link(email, settings):
    row = asked(email())
    for token in ("0" * 64, row.token_hash, row.nonce, row.token()[:-1], row.token().upper()):
        url = reverse("approval", args=[token])
        assert Client().get(url).status_code == 404
        assert Client().post(url, {"answer": "approved"}).status_code == 404
    settings.SECRET_KEY = "x"
    assert Client().get(link_of_old(row, settings)).status_code == 404


def link_of_old(row, settings):
    """What somebody who has read the database, and knows today's secret only, would make of it."""
    from validation.models.approval import token_of

    return reverse("approval", args=[token_of(row.nonce, settings.SECRET_KEY)])


def test_approving_leads_to_what_is_to_be_published_and_wakes_the_order(email):
    wizard = email()
    row = asked(wizard)
    order = opened(wizard)
    AcmeOrder.objects.filter(pk=order.pk).update(due_at=timezone.now() + timedelta(hours=1))
    owner = Client()
    answer = owner.post(link(row), {"answer": "approved"})
    assert answer.status_code == 302
    page = owner.get(answer["Location"]).content.decode()
    assert "_acme-challenge.shop.example" in page
    order.refresh_from_db()
    assert order.due_at <= timezone.now()
    row.refresh_from_db()
    assert (row.answer, row.answered_from) == ("approved", "127.0.0.1")
    assert not Control.objects.exists()
    assert owner.post(link(row), {"answer": "rejected"}).status_code == 409
    assert "Approved by admin@shop.example" in step_4(wizard)


@pytest.mark.parametrize(("word", "orders"), [("approved", 2), ("rejected", 1)])
def test_an_approval_that_comes_after_the_order_expired_opens_the_next_one_and_a_no_does_not(
    email, word, orders
):
    wizard = email()
    row = asked(wizard)
    opened(wizard)
    rest(wizard)
    assert Client().post(link(row), {"answer": word}).status_code == 302
    assert AcmeOrder.objects.filter(issuance=wizard.running).count() == orders


@pytest.mark.parametrize(("word", "said"), [("rejected", "said no"), ("reported", "know nothing of this")])
def test_a_no_is_told_and_another_way_suggested(email, word, said):
    wizard = email()
    row = asked(wizard)
    assert Client().post(link(row), {"answer": word}).status_code == 302
    page = step_4(wizard)
    assert said in page
    assert "Ask somebody else" in page
    assert "Use DNS TXT Record instead" in page
    assert Letter.objects.filter(kind="approval_answered").exists()
    ask(wizard)
    assert Approval.objects.count() == 1  # nobody who said no is asked again by itself


def test_old_and_withdrawn_links_say_that_they_have_ended(email):
    wizard = email()
    row = asked(wizard)
    Approval.objects.update(expires_at=timezone.now())
    assert Client().get(link(row)).status_code == 410
    assert Client().post(link(row), {"answer": "approved"}).status_code == 409
    row.refresh_from_db()
    assert row.answer == ""


def test_after_another_choice_of_names_the_old_mail_approves_nothing(email):
    wizard = email("shop.example", "www.shop.example")
    first = asked(wizard)
    wizard.csr("shop.example", "pay.shop.example")
    choose(wizard)
    ask(wizard)
    second = Approval.objects.exclude(pk=first.pk).get()
    assert second.names == ["pay.shop.example", "shop.example"]
    assert Client().post(link(first), {"answer": "approved"}).status_code == 409
    first.refresh_from_db()
    assert first.answer == ""


# --- step 4 -----------------------------------------------------------------------------------------------------


def test_step_4_says_where_the_mail_is_and_what_it_does(email):
    wizard = email()
    choose(wizard)
    assert "We are writing to admin@shop.example" in step_4(wizard)
    ask(wizard)
    sweeping.work_one("letters")
    opened(wizard)
    page = step_4(wizard)
    assert "We have asked admin@shop.example by mail" in page
    assert "it proves nothing to the certificate authority" in page
    assert "_acme-challenge.shop.example" in page
    assert "Ask somebody else" in page


def test_half_an_hour_of_silence_suggests_another_way_and_the_mail_can_be_sent_again(email):
    wizard = email()
    asked(wizard)
    sweeping.work_one("letters")
    with time_machine.travel(timezone.now() + timedelta(minutes=31), tick=True):
        page = step_4(wizard)
        assert "has not answered yet" in page
        assert "spam folder" in page
        assert "Send the mail again" in page
        assert wizard.post("activation-resend", None, 1).status_code == 302
        sweeping.work_one("approvals")
        assert "Send the mail again" not in step_4(wizard)
    assert Letter.objects.filter(kind="approval_asked").count() == 2


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"due_at": None, "tries": 8, "problem": "OSError"}, "could not be delivered"),
        ({"tries": 1, "problem": "SMTPRecipientsRefused: {'admin@shop.example': (550, b'no')}"}, "does not take the mail"),
    ],
)  # fmt: skip
def test_a_mail_that_does_not_arrive_is_told(email, columns, said):
    wizard = email()
    asked(wizard)
    Letter.objects.filter(kind="approval_asked").update(**columns)
    assert said in step_4(wizard)


def test_somebody_else_can_be_asked_and_the_first_link_ends(email):
    wizard = email()
    first = asked(wizard)
    page = wizard.get("activation-approver", 1).content.decode()
    assert "postmaster@shop.example" in page
    wrong = wizard.post("activation-approver", {"approver-1": "me@shop.example shop.example"}, 1)
    assert wrong.status_code == 422
    wizard.post("activation-approver", {"approver-1": "postmaster@shop.example shop.example"}, 1)
    ask(wizard)
    assert Client().post(link(first), {"answer": "approved"}).status_code == 409
    assert Approval.objects.get(withdrawn_at=None).recipient == "postmaster@shop.example"


def test_from_another_method_to_email_and_back(email):
    wizard = email()
    wizard.post("activation-methods", {"all": "dns-01", **wizard.methods()})
    opened(wizard)
    assert "Use Email instead" in step_4(wizard)
    wizard.post("activation-approver", {"approver-1": KEY}, 1)
    assert wizard.running.names[0]["approver"] == "admin@shop.example"
    ask(wizard)
    wizard.post("activation-method", {"method": "dns-01"}, 1)
    assert wizard.running.names[0]["method"] == "dns-01"
    assert ask(wizard) is None


def test_a_stranger_can_neither_resend_nor_ask(email, bob):
    wizard = email()
    asked(wizard)
    wizard.client.force_login(bob)
    for url in ("activation-approver", "activation-resend"):
        assert wizard.post(url, {"approver-1": KEY}, 1).status_code == 404
    assert wizard.get("activation-approvers", 1).status_code == 404
