"""A real mail server that takes the approver's mail not at all, or not at first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.utils import timezone

from accounts import bounces
from accounts.models import Letter
from portal import sweeping
from sandbox.free_ports import free_port
from tests.accounts.test_bounces import notification
from tests.certificates.activation.test_email import asked, email, mail, step_4

pytestmark = pytest.mark.django_db
__all__ = ["email", "mail"]


class Mailbox:
    """Gives the next of `replies` to a recipient, then takes the mail."""

    def __init__(self) -> None:
        self.replies: list[str] = []
        self.taken: list[str] = []

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:
        if self.replies:
            return self.replies.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:
        self.taken += envelope.rcpt_tos
        return "250 OK"


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    box = Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), ready_timeout=20)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    yield box
    controller.stop()


def test_an_unknown_mailbox_is_told_at_once_and_another_way_suggested(email, mailbox):
    mailbox.replies = ["550 5.1.1 No such user"]
    wizard = email()
    asked(wizard)
    assert sweeping.work_one("letters")
    assert Letter.objects.get(kind="approval_asked").is_refused
    assert "does not take the mail" in step_4(wizard)


def test_a_server_that_puts_strangers_off_for_a_minute_is_no_refusal(email, mailbox):
    mailbox.replies = ["450 4.2.0 Greylisted, try again later"]
    wizard = email()
    asked(wizard)
    assert sweeping.work_one("letters")
    letter = Letter.objects.get(kind="approval_asked")
    assert "Greylisted" in letter.problem
    assert not letter.is_refused
    page = step_4(wizard)
    assert "We are writing to admin@shop.example" in page
    assert "does not take the mail" not in page
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        assert sweeping.work_one("letters")
        assert "We have asked admin@shop.example by mail" in step_4(wizard)
    assert mailbox.taken == ["admin@shop.example"]


def test_a_mail_that_comes_back_later_suggests_another_way(email, mailbox):
    wizard = email()
    asked(wizard)
    assert sweeping.work_one("letters")
    assert "We have asked admin@shop.example by mail" in step_4(wizard)
    letter = Letter.objects.get(kind="approval_asked")
    assert bounces.take(notification(letter), timezone.now()) == letter
    page = step_4(wizard)
    assert "The mail to admin@shop.example came back as undeliverable." in page
    assert "Ask somebody else, or show the name another way" in page
