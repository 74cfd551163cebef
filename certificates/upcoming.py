"""What a plan's page says about its next certificate: when it is ordered by itself, or what stands in the way."""

from __future__ import annotations

from datetime import datetime, timedelta

from certificates.models import Certificate, RenewalInfo
from orders.models import Plan

# What the renewals queue writes when it cannot order: `chancery:renewal_automatic_off` ...
BLOCKED = "chancery:renewal_"
# Without a worker nothing is ordered by itself, whatever was planned.
OVERDUE = timedelta(days=1)


def goes_on_after(plan: Plan, certificate: Certificate) -> bool:
    """True if the plan lasts longer than this certificate: there has to be another one."""
    return plan.ends_at > certificate.not_after + timedelta(days=1)


def is_recalled(window_end: datetime | None, certificate: Certificate) -> bool:
    """True if the CA wants the certificate replaced in the first half of its life: it is about to be revoked."""
    half = certificate.not_before + (certificate.not_after - certificate.not_before) / 2
    return window_end is not None and window_end < half


def is_blocked(row: RenewalInfo) -> bool:
    return str((row.problem or {}).get("type", "")).startswith(BLOCKED)


def blocked_by(certificate: Certificate) -> str:
    """Return why the next certificate was not ordered at its time, in words for its owner; "" where nothing is in the way."""
    row = getattr(certificate, "renewal_info", None)
    return str((row.problem or {}).get("detail", "")) if row is not None and is_blocked(row) else ""


def ordered_at(plan: Plan, certificate: Certificate, now: datetime) -> datetime | None:
    """Return when the next certificate is ordered by itself; None where nobody but the owner will do it."""
    row, activation = getattr(certificate, "renewal_info", None), getattr(plan, "activation", None)
    if row is None or activation is None or not activation.automatic or is_blocked(row):
        return None
    needed = goes_on_after(plan, certificate) or is_recalled(row.window_end, certificate)
    active = plan.state == Plan.State.ACTIVE and plan.ends_at > now
    if not needed or not active or row.reissue_at is None or row.reissue_at < now - OVERDUE:
        return None
    return row.reissue_at
