"""Mails are rows first: one per occasion, sent once, late when the mail server is away, wiped when sent."""

from __future__ import annotations

import pytest
from django.core import mail as outbox

from accounts import mail
from accounts.models import Letter
from audit.models import Entry
from tests.conftest import NOW

pytestmark = pytest.mark.django_db


def post(occasion: str = "test:1", **kwargs) -> Letter:
    values = {"to": "alice@example.org", "kind": "test", "subject": "Hello", "body": "secret link"} | kwargs
    return mail.post(occasion=occasion, now=NOW, **values)


def claim() -> Letter:
    return Letter.objects.claim_next(NOW)


def test_the_same_occasion_is_written_once():
    assert post().pk == post(subject="again").pk
    assert Letter.objects.count() == 1


def test_a_letter_is_sent_once_and_its_text_is_wiped():
    post()
    mail.deliver(claim(), NOW)
    assert [m.subject for m in outbox.outbox] == ["Hello"]
    assert claim() is None
    letter = Letter.objects.get()
    assert letter.sent_at == NOW
    assert letter.body == ""
    assert Entry.objects.get(action="letter:sent").details["to"] == "alice@example.org"
    assert "secret link" not in str(Entry.objects.values())


def test_the_message_id_is_the_same_at_every_try():
    letter = post()
    assert mail.message_id(letter) == mail.message_id(Letter.objects.get())


def test_a_dead_mail_server_only_delays(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # discard: nobody listens
    post()
    mail.deliver(claim(), NOW)
    letter = Letter.objects.get()
    assert letter.sent_at is None
    assert letter.due_at > NOW
    assert letter.body == "secret link"
    assert "refused" in letter.problem.lower()


def test_it_gives_up_after_many_tries_and_says_so(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    post()
    Letter.objects.update(tries=mail.GIVE_UP_AFTER - 1)
    mail.deliver(claim(), NOW)
    assert Letter.objects.get().due_at is None
    assert Entry.objects.filter(action="letter:failed").exists()


def test_line_breaks_in_a_subject_cannot_add_headers():
    post(subject="Hello\r\nBcc: everyone@example.org")
    mail.deliver(claim(), NOW)
    message = outbox.outbox[0].message()
    assert message["Bcc"] is None
    assert message["Subject"] == "Hello Bcc: everyone@example.org"
