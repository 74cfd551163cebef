"""One question, one mail, one answer: and everything by which somebody might get another one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Letter
from audit.models import Entry
from identifiers.names import Name
from portal.logs.redaction import clean
from tests.conftest import NOW
from tests.factories import UserFactory
from validation import ledger
from validation.approval import answering, asking, until
from validation.approval.asking import MayNotSpeak, NotSendable
from validation.models import Approval, Control

pytestmark = pytest.mark.django_db
SHOP, WWW = Name("shop.example"), Name("www.shop.example")


@pytest.fixture
def mail(dns):
    dns.add("shop.example", "MX", "10 mail.shop.example.")
    return dns


def question(owner, *names, mode="assisted", recipient="admin@shop.example", domain="shop.example", now=NOW):
    return asking.ask(
        owner, names or (SHOP, WWW), recipient=recipient, domain=domain, mode=mode, plan_id=None,
        asker=("Alice Archer", owner.email), now=now,
    )  # fmt: skip


def sent(row, now=NOW):
    claimed = Approval.objects.claim(row.pk, now)
    asking.send(claimed, now)
    row.refresh_from_db()
    return row


def test_the_mail_says_who_asks_for_what_and_the_table_knows_no_link(alice, mail):
    row = sent(question(alice))
    letter = Letter.objects.get()
    assert letter.to == "admin@shop.example"
    assert "shop.example" in letter.subject
    for text in ("Alice Archer", "alice@example.org", "www.shop.example", f"/approval/{row.token()}/"):
        assert text in letter.body
    assert row.token() not in str(Approval.objects.values().get())
    assert len(row.token()) == 64


def test_a_link_is_in_no_entry_and_in_no_line_of_the_log(alice, mail):
    row = sent(question(alice))
    answering.answer(row, "approved", NOW, "192.0.2.9")
    told = str(list(Entry.objects.values()))
    assert row.token() not in told
    assert row.nonce not in told
    line = clean(f"Not Found: /approval/{row.token()}/ and /publish/{row.token()}/live/")
    assert row.token() not in line


def test_a_second_mail_is_the_first_one_again(alice, mail):
    row = sent(question(alice))
    with pytest.raises(NotSendable, match="too_soon"):
        asking.resend(row, by=alice, now=NOW + timedelta(minutes=9))
    later = NOW + timedelta(minutes=11)
    asking.resend(row, by=alice, now=later)
    with pytest.raises(NotSendable, match="too_soon"):
        asking.resend(row, by=alice, now=later)
    sent(row, later)
    first, second = Letter.objects.order_by("pk")
    assert (first.to, first.subject, first.body) == (second.to, second.subject, second.body)


def test_mails_have_an_end(alice, mail):
    row, at = sent(question(alice)), NOW
    for _n in range(4):
        at += timedelta(minutes=11)
        asking.resend(row, by=alice, now=at)
        sent(row, at)
    with pytest.raises(NotSendable, match="too_many"):
        asking.resend(row, by=alice, now=at + timedelta(hours=1))


def test_a_recipient_who_may_no_longer_be_asked_gets_no_mail(alice, dns):
    dns.add("shop.example", "MX", "0 .")
    row = sent(question(alice))
    assert row.problem == "not_a_recipient"
    assert not Letter.objects.exists()


def test_an_address_that_nobody_computed_gets_no_mail(alice, mail):
    assert sent(question(alice, recipient="ceo@shop.example")).problem == "not_a_recipient"
    assert sent(question(alice, recipient="admin@evil.example")).problem == "not_a_recipient"
    assert not Letter.objects.exists()


def test_silent_name_servers_are_asked_again_later(alice, dns):
    dns.fail("shop.example")
    row = sent(question(alice))
    assert row.problem == ""
    assert row.due_at == NOW + asking.RETRIES[0]


@pytest.mark.parametrize("name", ["example", "other.example", "myshop.example", "shop.example.evil.example"])
def test_nobody_speaks_for_what_is_not_theirs(alice, name):
    with pytest.raises(MayNotSpeak):
        question(alice, SHOP, Name(name))
    assert not Approval.objects.exists()


def test_a_mailbox_of_www_does_not_speak_for_the_domain_above(alice):
    with pytest.raises(MayNotSpeak):
        question(alice, SHOP, recipient="admin@www.shop.example", domain="www.shop.example")


def test_an_approval_speaks_for_exactly_the_names_that_were_shown(alice, mail):
    row = sent(question(alice, SHOP))
    answering.answer(row, "approved", NOW, None)
    assert row.speaks_for(SHOP)
    assert not row.speaks_for(WWW)
    assert not row.speaks_for(Name("shop.example", wildcard=True))


def test_a_strangers_question_is_found_by_its_own_token_only(alice, bob, mail):
    mine, theirs = sent(question(alice)), sent(question(bob))
    assert mine.token() != theirs.token()
    assert Approval.objects.by_token(mine.token()) == mine
    assert Approval.objects.by_token(mine.token_hash) is None
    assert Approval.objects.by_token(mine.nonce) is None
    assert Approval.objects.by_token("") is None


@pytest.mark.parametrize("again", ["approved", "rejected", "reported"])
def test_there_is_one_answer(alice, mail, again):
    row = sent(question(alice))
    answering.answer(row, "rejected", NOW, "192.0.2.9")
    with pytest.raises(answering.TooLate):
        answering.answer(Approval.objects.get(), again, NOW, None)
    row.refresh_from_db()
    assert (row.answer, row.answered_at, row.answered_from) == ("rejected", NOW, "192.0.2.9")
    assert not Control.objects.exists()


def test_too_late_is_too_late(alice, mail):
    row = sent(question(alice))
    with pytest.raises(answering.TooLate):
        answering.answer(row, "approved", NOW + timedelta(days=30), None)
    asking.withdraw([row], NOW, by="issuance")
    with pytest.raises(answering.TooLate):
        answering.answer(row, "approved", NOW, None)
    with pytest.raises(ValueError, match="no such answer"):
        answering.answer(row, "maybe", NOW, None)


def test_an_assisted_approval_is_no_control(alice, mail):
    row = sent(question(alice))
    answering.answer(row, "approved", NOW, None)
    assert row.is_given(NOW)
    assert not Control.objects.exists()


def test_a_prevalidated_approval_is_the_control_of_this_customer_at_such_accounts_only(alice, bob, mail):
    row = sent(question(alice, SHOP, mode="prevalidated"))
    answering.answer(row, "approved", NOW, None)
    assert ledger.has_control(alice, "shop.example", False, NOW, by_mail=True)
    assert not ledger.has_control(alice, "shop.example", False, NOW)
    assert ledger.missing(alice, [SHOP], NOW) == [SHOP]
    for owner, name, wildcard in [
        (bob, "shop.example", False), (alice, "shop.example", True), (alice, "www.shop.example", False), (alice, "example", False),
    ]:  # fmt: skip
        assert not ledger.has_control(owner, name, wildcard, NOW, by_mail=True)
    ledger.withdraw(Control.objects.get(), "sold", "support", NOW)
    assert not ledger.has_control(alice, "shop.example", False, NOW, by_mail=True)


def test_an_approval_ends_as_other_proofs_do(alice, mail):
    row = sent(question(alice))
    answering.answer(row, "approved", NOW, None)
    assert row.good_until == until.good_until(NOW)
    assert not row.is_given(row.good_until)


def test_who_reported_is_not_written_to_again_for_this_customer(alice, bob, mail):
    answering.answer(sent(question(alice)), "reported", NOW, None)
    assert sent(question(alice)).problem == "reported_before"
    assert sent(question(bob)).problem == ""
    assert Letter.objects.filter(kind="approval_reported").exists()


def test_a_mailbox_is_not_filled_by_one_customer_and_others_may_still_ask(alice, bob, mail):
    for _n in range(asking.MOST_TO_ONE):
        assert sent(question(bob)).problem == ""
    assert sent(question(bob)).problem == "too_many"
    assert sent(question(alice)).problem == ""
    assert Letter.objects.filter(kind="approval_asked").count() == asking.MOST_TO_ONE + 1


def test_nor_by_many_customers_together(alice, mail):
    for number in range(asking.MOST_TO_ONE_OF_ALL):
        assert sent(question(UserFactory(email=f"{number}@many.example"))).problem == ""
    assert sent(question(alice)).problem == "too_many"


def test_a_mail_sent_again_counts_as_a_mail(bob, mail, monkeypatch):
    monkeypatch.setattr(asking, "MOST_TO_ONE", 3)
    row, at = sent(question(bob)), NOW
    for _n in range(2):
        at += timedelta(minutes=11)
        asking.resend(row, by=bob, now=at)
        sent(row, at)
    assert sent(question(bob)).problem == "too_many"
    assert sent(question(bob), at + timedelta(days=1)).problem == ""


def test_one_customer_cannot_write_to_strangers_all_day(alice, bob, mail, monkeypatch):
    monkeypatch.setattr(asking, "MOST_OF_ONE", 3)
    for box in ("admin", "hostmaster", "postmaster"):
        assert sent(question(bob, recipient=f"{box}@shop.example")).problem == ""
    refused = sent(question(bob, recipient="webmaster@shop.example"))
    assert refused.problem == "too_many"
    assert sent(question(alice, recipient="webmaster@shop.example")).problem == ""
    tomorrow = NOW + timedelta(days=1, minutes=1)
    asking.resend(refused, by=bob, now=tomorrow)
    assert sent(refused, tomorrow).problem == ""


def test_a_rotated_secret_ends_no_link_and_sends_no_other_one(alice, mail, settings):
    row = sent(question(alice))
    token, old = row.token(), settings.SECRET_KEY
    settings.SECRET_KEY = "another secret"
    assert Approval.objects.by_token(token) == row
    with pytest.raises(NotSendable, match="secret_gone"):
        asking.resend(row, by=alice, now=NOW + timedelta(hours=1))
    settings.SECRET_KEY_FALLBACKS = [old]
    asking.resend(row, by=alice, now=NOW + timedelta(hours=1))
    assert row.token() == token


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Alice Archer", "Alice Archer"),
        ("http://evil.example/win", "http evil example win"),
        ("A\r\nBcc: x@y.example", "A Bcc x y example"),
        ("Dr. Jürgen O’Neil", "Dr. Jürgen O’Neil"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_buyers_name_carries_no_link_into_a_strangers_mailbox(typed, shown):
    assert asking.plain(typed) == shown


def test_public_cas_end_it_on_the_day():
    day = datetime(2028, 3, 15, tzinfo=UTC)
    assert until.allowed(day - timedelta(seconds=1), public=True)
    assert not until.allowed(day, public=True)
    assert until.allowed(day, public=False)
