"""The owner's switch for automatic reissue."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates.models import Activation, RenewalInfo
from leases import ring


def set_automatic(
    activation: Activation, *, on: bool, by: User, now: datetime, address: str | None = None
) -> bool:
    """Switch it and remember who did; False when it stood so already. What waits for the switch is looked at now."""
    with transaction.atomic():
        other = Activation.objects.filter(pk=activation.pk, automatic=not on)
        if other.update(automatic=on) != 1:
            return False
        record(
            Action.AUTOMATIC_CHANGED,
            activation,
            now=now,
            by=by,
            address=address,
            plan_id=activation.plan_id,
            automatic=on,
        )
        rows = RenewalInfo.objects.filter(certificate__plan=activation.plan_id, reissue_at__lte=now)
        rows.wake(now)
    activation.automatic = on
    ring()
    return True
