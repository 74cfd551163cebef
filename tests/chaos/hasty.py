"""The Celery application with leases of a few seconds: `celery -A tests.chaos.hasty worker`."""

from __future__ import annotations

import os
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

import leases.rows  # noqa: E402
from certificates.issuance import breaker, walk  # noqa: E402
from portal.celery import app  # noqa: E402

# A dead worker's row is free again in seconds, not in a minute and a half.
leases.rows.LEASE = breaker.LEASE = walk.LEASE = timedelta(
    seconds=float(os.environ.get("CHAOS_LEASE_SECONDS", "10"))
)  # type: ignore[misc]

__all__ = ["app"]
