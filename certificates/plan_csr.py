"""Reads a CSR as this installation and the plan's product allow it."""

from __future__ import annotations

from django.conf import settings

from certificates.compromised import COMPROMISED
from certificates.csr import CsrReport, read
from orders.models import Plan


def read_for(plan: Plan, text: str) -> CsrReport:
    """Say what the CSR holds. Raises UnacceptableCSR, for a key that was reported as known to others too."""
    return read(
        text,
        allow_reserved=settings.VALIDATION_RESERVED_NAMES,
        allow_ip=plan.product.ip_addresses,
        forbidden_spki=COMPROMISED,
    )
