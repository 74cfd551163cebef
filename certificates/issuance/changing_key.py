"""Giving an account at a CA another key (RFC 8555 §7.3.5): asked for, done while its orders stand still, never without a key.

`next_key_at` is set while the change is wanted, and then orders wait; `sealed_next_key` from before the call until the CA's
answer is known. docs/decisions/20261123.key-rollover.md says why it waits for some customers and not for others.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates import keys
from certificates.connection import key_pem, speaker
from certificates.connectors.problems import CaError
from certificates.issuance.problems import as_json, ours
from certificates.key_change import is_done, names_in_place, take_over
from certificates.models import AcmeOrder, CaAccount
from certificates.vault import seal_for_account

# Longer than all requests of one change can take: until then nobody else is at it.
HELD = timedelta(minutes=5)
SOON = timedelta(seconds=5)
KEY_TYPE = "ec-p256"


class NotNow(Exception):
    """The key cannot be changed at present; the message is for the operator."""


class Outcome(StrEnum):
    """`KEPT`: the old key stays, the audit log says why. `WAITING`: somebody is at it, or orders are being worked on."""

    CHANGED = "changed"
    KEPT = "kept"
    WAITING = "waiting"


def ask(account: CaAccount, *, by: User, now: datetime, address: str | None = None, reason: str = "") -> None:
    """Want another key for the account: from now on its orders stand still. Asked twice it is the same wish. Raises NotNow."""
    if not account.account_url:
        raise NotNow(_("This account has not been opened yet; its first key is made with the first order."))
    held = names_in_place(account).count()
    if held:
        text = ngettext(
            "For %(count)d name the record is in place, or the CA is looking at it. It is made from the present key and would be void. "
            "Please try again when this name is done, in most cases within minutes.",
            "For %(count)d names the records are in place, or the CA is looking at them. They are made from the present key and would "
            "be void. Please try again when these names are done, in most cases within minutes.",
            held,
        )
        raise NotNow(text % {"count": held})
    with transaction.atomic():
        wanted = CaAccount.objects.filter(pk=account.pk, next_key_at__isnull=True)
        if wanted.update(next_key_at=now) == 1:
            record(Action.CA_KEY_WANTED, account, now=now, by=by, address=address, reason=reason)
    account.refresh_from_db(fields=["next_key_at"])


def go_on(account: CaAccount, *, by: User | str, now: datetime, mine: AcmeOrder | None = None) -> Outcome:
    """Change the key if nobody else is at it and no order of the account, but `mine`, is being worked on.

    Raises CannotUnseal. After a crash anywhere, called again it finds out what has happened and goes on.
    """
    if not _claim(account, now):
        return Outcome.WAITING if account.next_key_at else Outcome.KEPT
    working = AcmeOrder.objects.filter(account=account, lease_until__gt=now)
    others = working if mine is None else working.exclude(pk=mine.pk)
    if others.exists():
        _release(account, now + SOON)
        return Outcome.WAITING
    sent_before = account.sealed_next_key is not None
    if not sent_before:
        if names_in_place(account).exists():
            text = "Names were shown in the meantime; another key would have made them void."
            return _keep(account, ours("names_in_place", text, now), by=by, now=now)
        _commit_key(account, now)
    return _change(account, by=by, now=now, sent_before=sent_before)


def _claim(account: CaAccount, now: datetime) -> bool:
    """Take the change for HELD by a compare-and-swap; the account is read anew."""
    waiting = CaAccount.objects.filter(pk=account.pk, next_key_at__lte=now)
    taken = waiting.update(next_key_at=now + HELD) == 1
    account.refresh_from_db(fields=["next_key_at", "sealed_key", "sealed_next_key", "account_url"])
    return taken


def _release(account: CaAccount, at: datetime | None) -> None:
    mine = CaAccount.objects.filter(pk=account.pk, next_key_at=account.next_key_at)
    mine.update(next_key_at=at)
    account.refresh_from_db(fields=["next_key_at"])


def _commit_key(account: CaAccount, now: datetime) -> None:
    """Make and commit the new key before the CA hears of it."""
    sealed = seal_for_account(account, "account key", keys.to_der(keys.generate(KEY_TYPE)))
    rows = CaAccount.objects.filter(pk=account.pk, sealed_next_key__isnull=True)
    rows.update(sealed_next_key=sealed, next_key_made_at=now)
    account.refresh_from_db(fields=["sealed_next_key", "next_key_made_at"])


def _change(account: CaAccount, *, by: User | str, now: datetime, sent_before: bool) -> Outcome:
    old = speaker(account, bytes(account.sealed_key or b""))
    sealed = bytes(account.sealed_next_key or b"")
    new = speaker(account, sealed)
    refused: CaError | None = None
    try:
        if not (sent_before and is_done(account, new)):
            try:
                old.change_key(key_pem(account, sealed))
            except CaError as error:
                refused = error
                if not is_done(account, new):
                    return _refused(account, error, by=by, now=now)
    except CaError as error:
        # Neither key is known to be the right one: whoever connects next asks which it is.
        return _keep(account, as_json((refused or error).problem, now), by=by, now=now)
    while account.sealed_next_key is not None:
        # Not only once: it may just have been wrapped under another key-encryption key.
        take_over(account, new.thumbprint, now=now, by=by)
    return Outcome.CHANGED


def _refused(account: CaAccount, error: CaError, *, by: User | str, now: datetime) -> Outcome:
    """The CA did not do it. The waiting key is forgotten only if the CA cannot do it later either."""
    if not error.may_have_acted:
        rows = CaAccount.objects.filter(pk=account.pk, next_key_at=account.next_key_at)
        rows.filter(sealed_next_key=account.sealed_next_key).update(sealed_next_key=None)
    return _keep(account, as_json(error.problem, now), by=by, now=now)


def _keep(account: CaAccount, problem: dict[str, object], *, by: User | str, now: datetime) -> Outcome:
    """The old key stays for now, and orders go on."""
    with transaction.atomic():
        _release(account, None)
        record(Action.CA_KEY_KEPT, account, now=now, by=by, problem=problem)
        AcmeOrder.objects.open().filter(account=account).wake(now)
    account.refresh_from_db(fields=["sealed_next_key", "next_key_at"])
    return Outcome.KEPT
