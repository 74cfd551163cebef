"""Wakes the orders that wait for a name: asked twice for every name that is seen in place."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from certificates.models import AcmeOrder
from leases.prepared_updates import PreparedUpdate
from validation.models import Authorization

_DUE_AT: Any = AcmeOrder._meta.get_field("due_at")
# What AcmeOrder.objects.needing(authorization).wake(now) says.
_wake = PreparedUpdate(
    lambda authorization, now: (
        AcmeOrder.objects.needing(authorization).filter(due_at__gt=now),
        {"due_at": now},
    ),
    Authorization._meta.pk,
    _DUE_AT,
)


def wake_needing(authorization: Authorization, now: datetime) -> int:
    """Make the sleeping orders that need this authorization due at once; return how many."""
    return _wake(authorization.pk, now)
