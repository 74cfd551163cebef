"""Mail to a person: written as a row in the transaction that caused it, sent later, once."""

from __future__ import annotations

import smtplib
import uuid
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.template.loader import render_to_string
from django.utils.crypto import salted_hmac

from accounts.models import Letter
from audit.record import record
from audit.vocabulary import Action
from leases.inserts import insert_once
from outbound import call

BACK_OFF = [timedelta(minutes=1), timedelta(minutes=10), timedelta(minutes=100)]
GIVE_UP_AFTER = 8


def write(
    template: str,
    *,
    to: str,
    occasion: str,
    now: datetime,
    context: dict[str, Any],
    plan_id: uuid.UUID | None = None,
    order_id: uuid.UUID | None = None,
) -> Letter:
    """Write the letter of templates/email/<template>/{subject,body}.txt. The same occasion is written once."""
    context = {
        "portal_name": settings.PORTAL_NAME,
        "portal_url": settings.PORTAL_URL,
        "support_email": settings.SUPPORT_EMAIL,
        **context,
    }
    subject = render_to_string(f"email/{template}/subject.txt", context)
    body = render_to_string(f"email/{template}/body.txt", context).strip() + "\n"
    return post(
        to=to,
        kind=template,
        occasion=occasion,
        subject=subject,
        body=body,
        now=now,
        plan_id=plan_id,
        order_id=order_id,
    )


def post(
    *,
    to: str,
    kind: str,
    occasion: str,
    subject: str,
    body: str,
    now: datetime,
    plan_id: uuid.UUID | None = None,
    order_id: uuid.UUID | None = None,
) -> Letter:
    """Put a finished text into the letter box; a second letter for the same occasion is the first one."""
    letter = insert_once(
        Letter,
        occasion=occasion,
        to=to,
        kind=kind,
        # One line: whatever a subject is made of, it cannot add a header.
        subject=" ".join(subject.split())[:200],
        body=body,
        plan_id=plan_id,
        order_id=order_id,
        created_at=now,
        due_at=now,
    )
    return letter or Letter.objects.get(occasion=occasion)


def message_id(letter: Letter) -> str:
    """Return a Message-ID that is the same at every try, so that a mail sent twice is seen as one.

    Only we can make it: a mail that comes back is known by it (accounts/bounces.py).
    """
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "portal.example"
    return f"<{letter.pk}.{mark(letter, settings.SECRET_KEY)}@{domain}>"


def mark(letter: Letter, secret: str) -> str:
    """Return 128 bits that nobody guesses who has not had the letter."""
    made = salted_hmac("accounts.mail", letter.occasion, secret=secret, algorithm="sha256")
    return made.hexdigest()[:32]


def transmit(letter: Letter, message: EmailMessage) -> None:
    """Hand one message to the mail server. The only place where mail leaves the house."""
    message.connection = get_connection(timeout=settings.EMAIL_TIMEOUT)
    with call("mail", "send", settings.EMAIL_HOST):
        message.send()


def deliver(letter: Letter, now: datetime) -> None:
    """Send a claimed letter and end its story, or put it back for later. Raises LeaseLost."""
    message = EmailMessage(
        subject=letter.subject,
        body=letter.body,
        to=[letter.to],
        headers={"Message-ID": message_id(letter), "Auto-Submitted": "auto-generated"},
    )
    try:
        transmit(letter, message)
    except (smtplib.SMTPException, OSError) as exc:
        _put_back(letter, now, f"{type(exc).__name__}: {exc}"[:300])
        return
    with transaction.atomic():
        letter.let_go(None, sent_at=now, body="", problem="", tries=letter.tries + 1)
        _note(Action.LETTER_SENT, letter, now)


def _put_back(letter: Letter, now: datetime, problem: str) -> None:
    tries = letter.tries + 1
    if tries >= GIVE_UP_AFTER:
        with transaction.atomic():
            letter.let_go(None, tries=tries, problem=problem, body="")
            _note(Action.LETTER_FAILED, letter, now)
        return
    wait = BACK_OFF[min(tries, len(BACK_OFF)) - 1] if tries <= len(BACK_OFF) else timedelta(days=1)
    letter.let_go(now + wait, tries=tries, problem=problem)


def _note(action: Action, letter: Letter, now: datetime) -> None:
    record(
        action,
        letter,
        now=now,
        by="mail",
        plan_id=letter.plan_id,
        order_id=letter.order_id,
        kind=letter.kind,
        to=letter.to,
    )
