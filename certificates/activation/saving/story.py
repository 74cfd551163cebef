"""The entries that the wizard leaves in a plan's story."""

from __future__ import annotations

from typing import Any

from audit.record import record
from audit.vocabulary import Action
from certificates.activation.saving import Author
from certificates.models import Activation


def note(
    activation: Activation, author: Author, action: Action = Action.ACTIVATION_SAVED, **details: Any
) -> None:
    """Remember what was saved. Names and choices only: no contact data and no CSR text."""
    record(
        action,
        activation,
        now=author.now,
        by=author.user,
        address=author.address,
        plan_id=activation.plan_id,
        order_id=activation.plan.item.order_id,
        **details,
    )
