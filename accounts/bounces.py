"""Mail that comes back: a delivery status notification (RFC 3464) about a letter of ours.

Anybody can send us such a mail. It counts only with the Message-ID of a letter, which whoever never had the letter
cannot know, and all it does is to say that the letter came back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.message import Message

from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare

from accounts import mail
from accounts.models import Letter
from audit.record import record
from audit.vocabulary import Action

# A notification with the whole of one of our mails is a few kilobytes.
LARGEST = 256 * 1024
MOST_PARTS = 50
_MESSAGE_ID = re.compile(r"<(\d{1,18})\.([0-9a-f]{32})@[^<>\s]{1,253}>")
_FINAL_STATUS = re.compile(r"\s*5\.\d{1,3}\.\d{1,3}")
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]+")


def take(raw: bytes, now: datetime) -> Letter | None:
    """Mark the letter that has come back for good; None for any other mail. Twice is once. Never raises for its content."""
    if len(raw) > LARGEST:
        return None
    message = message_from_bytes(raw)
    if message.get_content_type() != "multipart/report":
        return None
    parts = _parts(message)
    why = next((why for part in parts if (why := _failure(part))), "")
    letter = next((letter for part in parts if (letter := _letter(part)) is not None), None)
    if not why or letter is None or letter.sent_at is None:
        return None
    _mark(letter, why, now)
    return letter


def _parts(message: Message) -> list[Message]:
    return [part for part, _n in zip(message.walk(), range(MOST_PARTS), strict=False)]


def _blocks(part: Message) -> Iterator[Message]:
    """Yield the groups of fields of a delivery-status part: the first is about the mail, each other about a recipient."""
    if part.get_content_type() == "message/delivery-status" and isinstance(part.get_payload(), list):
        yield from (block for block in part.get_payload() if isinstance(block, Message))


def _failure(part: Message) -> str:
    """Return why it failed for good, "" where it did not: it may be late only, or have been relayed (§2.3.3)."""
    for block in _blocks(part):
        failed = str(block.get("Action", "")).strip().lower() == "failed"
        status = str(block.get("Status", ""))
        if failed and _FINAL_STATUS.match(status):
            said = str(block.get("Diagnostic-Code", ""))
            return " ".join(_NOT_PLAIN.sub(" ", f"{status} {said}").split())[:300]
    return ""


def _letter(part: Message) -> Letter | None:
    """Return the letter whose headers come back with the notification."""
    kind, payload = part.get_content_type(), part.get_payload()
    if kind == "message/rfc822" and isinstance(payload, list) and payload:
        headers = payload[0]
    elif kind == "text/rfc822-headers":
        headers = message_from_bytes(part.get_payload(decode=True) or b"")  # type: ignore[arg-type]
    else:
        return None
    found = _MESSAGE_ID.fullmatch(str(headers.get("Message-ID", "")).strip())  # type: ignore[union-attr]
    letter = Letter.objects.filter(pk=int(found[1])).first() if found else None
    if found is None or letter is None:
        return None
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    ours = any(constant_time_compare(found[2], mail.mark(letter, secret)) for secret in secrets)
    return letter if ours else None


def _mark(letter: Letter, why: str, now: datetime) -> None:
    with transaction.atomic():
        if Letter.objects.filter(pk=letter.pk, sent_at__isnull=False, problem="").update(problem=why) != 1:
            return
        record(
            Action.LETTER_RETURNED,
            letter,
            now=now,
            by="bounces",
            plan_id=letter.plan_id,
            order_id=letter.order_id,
            kind=letter.kind,
            to=letter.to,
            why=why,
        )
