"""How far one issuance has come, as steps that tick off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from certificates.held_up import LIMIT, UNATTENDED, next_slot, slug_of
from certificates.models import AcmeOrder, Issuance
from certificates.standing import newest_order
from validation.models import Authorization


@dataclass(frozen=True)
class ProgressStep:
    """`state` is done, now, todo or failed; `at` is when it was done."""

    slug: str
    title: str
    state: str
    at: datetime | None = None
    detail: str = ""


def progress_of(issuance: Issuance) -> list[ProgressStep]:
    """Return the six steps of an issuance. Reads acme_orders and their authorizations."""
    order = newest_order(issuance)
    rows = list(order.authorizations.all()) if order is not None else []
    marks = _marks(issuance, order, rows)
    ended = order is not None and order.status == AcmeOrder.Status.INVALID
    failed = ended and order is not None and slug_of(order.problem) != UNATTENDED
    steps: list[ProgressStep] = []
    current_given = False
    for slug, title, done, at, detail in marks:
        if done:
            state = "done"
        elif current_given:
            state = "todo"
        else:
            state, current_given = ("failed" if failed else "now"), True
        steps.append(ProgressStep(slug, title, state, at if done else None, detail))
    return steps


def _slot(order: AcmeOrder | None) -> str:
    """Return when an order that waits for its turn at the CA is sent."""
    if order is None or order.due_at is None or slug_of(order.problem) != LIMIT:
        return ""
    return next_slot(order.due_at, timezone.now())


def _marks(
    issuance: Issuance, order: AcmeOrder | None, rows: list[Authorization]
) -> list[tuple[str, str, bool, datetime | None, str]]:
    issued = issuance.state == Issuance.State.ISSUED
    shown = [row for row in rows if row.shown_at or row.status == Authorization.Status.VALID]
    all_shown = bool(rows) and len(shown) == len(rows)
    answered = order.answered_at if order else None
    finalizing = order.finalizing_at if order else None
    validated = finalizing is not None or (
        order is not None and order.status in {"ready", "processing", "valid"}
    )
    count = (
        _("%(seen)d of %(all)d") % {"seen": len(shown), "all": len(rows)} if rows and not all_shown else ""
    )
    last_shown = max((row.shown_at for row in shown if row.shown_at), default=None)
    return [
        (
            "opened",
            _("Order opened at the certificate authority"),
            bool(order and order.url),
            order.created_at if order else None,
            _slot(order),
        ),
        ("seen", _("Records seen"), all_shown or answered is not None or issued, last_shown, count),
        (
            "asked",
            _("Certificate authority asked to look"),
            answered is not None or validated or issued,
            answered,
            "",
        ),
        ("validated", _("Names validated"), validated or issued, finalizing, ""),
        ("csr", _("CSR sent"), finalizing is not None or issued, finalizing, ""),
        ("issued", _("Certificate issued"), issued, issuance.ended_at if issued else None, ""),
    ]
