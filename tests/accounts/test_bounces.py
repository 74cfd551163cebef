"""Mails that come back: which notifications count, for which letter, and what anybody else's mail does: nothing."""

from __future__ import annotations

import io
import mailbox
import sys
from email.message import EmailMessage, Message

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from accounts import bounces, mail
from accounts.models import Letter
from audit.models import Entry
from tests.conftest import NOW

pytestmark = pytest.mark.django_db

# What Postfix sends, as RFC 3464 has it; the last part is our own mail.
NOTIFICATION = """\
From: MAILER-DAEMON@mail.example (Mail Delivery System)
To: certs@portal.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.example.

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example
Arrival-Date: Sat, 28 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822; {to}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.shop.example
Diagnostic-Code: smtp; 550 5.1.1 <{to}>: Recipient address rejected

--cut
Content-Type: {kind}

From: certs@portal.example
To: {to}
Subject: shop.example
Message-ID: {message_id}

A text
--cut--
"""


@pytest.fixture
def letter():
    letter = mail.post(
        occasion="approval:1:1",
        to="admin@shop.example",
        kind="approval_asked",
        subject="s",
        body="b",
        now=NOW,
    )
    Letter.objects.update(sent_at=NOW, due_at=None, body="")
    letter.refresh_from_db()
    return letter


def notification(letter, action="failed", status="5.1.1", kind="message/rfc822", message_id=None) -> bytes:
    return NOTIFICATION.format(
        to=letter.to,
        action=action,
        status=status,
        kind=kind,
        message_id=message_id or mail.message_id(letter),
    ).encode()


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_mail_that_came_back_is_known_and_remembered_once(letter, kind):
    for _twice in range(2):
        assert bounces.take(notification(letter, kind=kind), NOW) == letter
    letter.refresh_from_db()
    assert letter.is_returned
    assert letter.fate == "Came back"
    assert letter.problem.startswith("5.1.1 smtp; 550")
    assert Entry.objects.filter(action="letter:returned").count() == 1


@pytest.mark.parametrize(
    ("action", "status"),
    [("delayed", "4.4.1"), ("failed", "4.7.1"), ("delivered", "2.0.0"), ("relayed", "5.0.0")],
)
def test_one_that_is_only_late_or_has_arrived_did_not_come_back(letter, action, status):
    assert bounces.take(notification(letter, action, status), NOW) is None
    assert not Letter.objects.get().is_returned


def test_nobody_can_guess_a_letter(letter, settings):
    right = mail.message_id(letter)
    for forged in (
        f"<{letter.pk}.{'0' * 32}@portal.example>",
        right.replace(f"<{letter.pk}.", f"<{letter.pk + 1}."),
        f"<{letter.pk}@portal.example>",
        f"{right} {right}",
        "<>",
    ):
        assert bounces.take(notification(letter, message_id=forged), NOW) is None
    settings.SECRET_KEY = "another"
    assert bounces.take(notification(letter, message_id=right), NOW) is None
    assert not Letter.objects.get().is_returned


def test_a_rotated_secret_still_knows_its_letters(letter, settings):
    raw = notification(letter)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert bounces.take(raw, NOW) == letter


def test_a_letter_that_was_not_sent_cannot_have_come_back(letter):
    Letter.objects.update(sent_at=None, due_at=NOW)
    assert bounces.take(notification(letter), NOW) is None
    assert Letter.objects.get().problem == ""


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe" * 100,
        b"Subject: hello\n\nOut of office",
        b'Content-Type: multipart/report; boundary="x"\n\nno parts',
        b'Content-Type: multipart/report; boundary="x"\n\n--x\nContent-Type: message/delivery-status\n\n\xff\xff\n--x--',
        b'Content-Type: multipart/report; boundary="x"\n\n' + b"--x\nContent-Type: message/rfc822\n\n" * 5000,
        b"x" * (bounces.LARGEST + 1),
    ],
)
def test_any_other_mail_is_ignored(letter, raw):
    assert bounces.take(raw, NOW) is None
    assert not Letter.objects.get().is_returned


def piped(monkeypatch, raw: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def test_the_mail_server_hands_it_over_by_a_pipe(letter, monkeypatch, capsys):
    piped(monkeypatch, notification(letter))
    call_command("read_bounces")
    assert "came back: approval_asked to admin@shop.example" in capsys.readouterr().out
    assert Letter.objects.get().is_returned


def test_without_a_database_the_mail_server_is_told_to_try_again(letter, monkeypatch):
    piped(monkeypatch, notification(letter))

    def away(*args: object) -> None:
        raise DatabaseError("gone")

    with connection.execute_wrapper(away), pytest.raises(CommandError) as later:
        call_command("read_bounces")
    assert later.value.returncode == 75


def test_a_maildir_is_read_once_and_its_mails_are_kept(letter, tmp_path, capsys):
    folder = mailbox.Maildir(tmp_path / "box", create=True)
    other: Message = EmailMessage()
    other["Subject"] = "hello"
    folder.add(other)
    folder.add(notification(letter))
    for _twice in range(2):
        call_command("read_bounces", maildir=str(tmp_path / "box"))
    assert capsys.readouterr().out.count("came back") == 1
    assert len(mailbox.Maildir(tmp_path / "box")) == 2
    with pytest.raises(CommandError):
        call_command("read_bounces", maildir=str(tmp_path / "nowhere"))
