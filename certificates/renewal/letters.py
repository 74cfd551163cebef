"""Letters about the next certificate: that it needs its owner, or that it cannot be ordered by itself. Each once."""

from __future__ import annotations

from datetime import datetime

from accounts.mail import write
from certificates.models import Certificate, Issuance, RenewalInfo
from certificates.reminding import DUE, occasion_of
from certificates.renewal.obstacles import Obstacle
from certificates.upcoming import is_recalled


def needs_you(row: RenewalInfo, certificate: Certificate, wanted: Issuance, now: datetime) -> None:
    """Say that a request which nobody asked for waits for a record of its owner."""
    plan = certificate.plan
    write(
        "next_certificate_needs_you",
        to=plan.owner.email,
        occasion=occasion_of_request(wanted),
        now=now,
        context=_context(row, certificate)
        | {"names": wanted.texts, "other_ca": wanted.campaign_id is not None},
        plan_id=plan.pk,
    )


def blocked(row: RenewalInfo, certificate: Certificate, obstacle: Obstacle, now: datetime) -> None:
    """Say what stands in the way. It is the first reminder, earlier and with a reason: never both."""
    plan = certificate.plan
    write(
        "next_certificate_blocked",
        to=plan.owner.email,
        occasion=occasion_of(certificate.pk, DUE),
        now=now,
        context=_context(row, certificate) | {"names": certificate.names, "reason": str(obstacle.text)},
        plan_id=plan.pk,
    )


def occasion_of_request(wanted: Issuance) -> str:
    return f"next:{wanted.pk}"


def _context(row: RenewalInfo, certificate: Certificate) -> dict[str, object]:
    recalled = is_recalled(row.window_end, certificate)
    return {
        "plan": certificate.plan,
        "certificate": certificate,
        "recalled_before": row.window_end if recalled else None,
        "explanation_url": row.explanation_url,
    }
