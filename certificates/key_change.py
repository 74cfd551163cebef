"""A changed account key takes the old one's place: in our rows, and in what customers are asked to publish (RFC 8555 §8.1)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates.connectors.base import Connector
from certificates.connectors.problems import ACME_PREFIX, NotFound, OperatorMustAct
from certificates.models import AcmeOrder, CaAccount
from validation.models import Authorization, Challenge

# What CAs say of a key that opens no account of theirs.
NO_SUCH_ACCOUNT = {
    ACME_PREFIX + word
    for word in ("accountDoesNotExist", "externalAccountRequired", "unauthorized", "malformed")
}


def is_done(account: CaAccount, waiting: Connector) -> bool:
    """Ask the CA whether the waiting key is the account's by now; `waiting` speaks by that key. Raises a CaError."""
    try:
        return waiting.account().url == account.account_url
    except NotFound:
        return False
    except OperatorMustAct as error:
        if error.typ in NO_SUCH_ACCOUNT:
            return False
        raise


def take_over(
    account: CaAccount, thumbprint: str, *, now: datetime, by: User | str, address: str | None = None
) -> bool:
    """Let the waiting key be the account's; False when somebody else has done so. `thumbprint` is the waiting key's.

    What pending challenges ask for changes with the key: it is written anew, and looked for afresh.
    """
    waiting = bytes(account.sealed_next_key or b"")
    with transaction.atomic():
        rows = CaAccount.objects.filter(pk=account.pk, sealed_next_key=waiting)
        taken = rows.update(sealed_key=waiting, sealed_next_key=None, next_key_at=None) == 1
        if taken:
            rewritten = _rewrite(account, thumbprint, now)
            AcmeOrder.objects.open().filter(account=account).wake(now)
            record(
                Action.CA_KEY_CHANGED, account, now=now, by=by, address=address, names_to_show_anew=rewritten
            )
    account.refresh_from_db(fields=["sealed_key", "sealed_next_key", "next_key_at"])
    return taken


def open_names(account: CaAccount) -> QuerySet[Authorization]:
    """Return what is still to be shown at this account, for orders that are under way."""
    orders = AcmeOrder.objects.open().filter(account=account, ended_at__isnull=True)
    return Authorization.objects.pending().filter(acme_orders__in=orders).distinct()


def names_in_place(account: CaAccount) -> QuerySet[Authorization]:
    """Return the names whose records are in place already, or that the CA is looking at: another key would void them."""
    seen = Q(shown_at__isnull=False) | Q(insisted_at__isnull=False)
    answered = Q(challenges__answered_at__isnull=False, challenges__status__in=["pending", "processing"])
    return open_names(account).filter(seen | answered).distinct()


def _rewrite(account: CaAccount, thumbprint: str, now: datetime) -> int:
    """Write what is to be published by the new key; return for how many names."""
    pending = list(open_names(account).values_list("pk", flat=True))
    challenges = list(Challenge.objects.filter(authorization__in=pending).exclude(token=""))
    for challenge in challenges:
        challenge.key_authorization = f"{challenge.token}.{thumbprint}"
    Challenge.objects.bulk_update(challenges, ["key_authorization"], batch_size=500)
    return Authorization.objects.filter(pk__in=pending).update(
        shown_at=None,
        insisted_at=None,
        finding={},
        due_at=now,
        lease_until=None,
        # A look for the old value that is under way must not write its result.
        epoch=F("epoch") + 1,
    )
