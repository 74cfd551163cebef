"""The moment at which the next certificate is ordered: drawn once, within what the CA suggests, or by age."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from certificates.models import Certificate
from certificates.standing import reissue_due_at

# However late a CA's window lies: so much of the lifetime is left for whoever has to publish and install.
LEAST_LEFT = 10
# Without a CA's word thousands of certificates of one day must not come back in one minute.
SPREAD = timedelta(days=1)
# Where the CA tells nothing, it is seen so often whether it does by now.
SELDOM = timedelta(days=7)
LARGEST_SPREAD = 50
# What a customer has set up once is looked at so long before: time for a mail, and for putting it back.
LOOKED_AT_BEFORE = timedelta(days=3)
MOST_OF_LIFETIME = 10


def within(start: datetime, end: datetime, certificate: Certificate, now: datetime) -> datetime:
    """Draw a moment uniformly from the CA's window; one that has passed means now (RFC 9773 §4.2)."""
    drawn = start + _part_of(end - start)
    return max(min(drawn, latest(certificate)), now)


def latest(certificate: Certificate) -> datetime:
    return certificate.not_after - (certificate.not_after - certificate.not_before) / LEAST_LEFT


def by_age(certificate: Certificate) -> datetime:
    """Return a moment shortly before a third of the lifetime is left: before the first reminder, and not all at once."""
    lifetime = certificate.not_after - certificate.not_before
    return reissue_due_at(certificate) - _part_of(min(SPREAD, lifetime / LARGEST_SPREAD))


def retest_at(certificate: Certificate, reissue_at: datetime) -> datetime:
    """Return when what stands for its names is looked at once more, before the next certificate relies on it."""
    lifetime = certificate.not_after - certificate.not_before
    return reissue_at - min(LOOKED_AT_BEFORE, lifetime / MOST_OF_LIFETIME)


def _part_of(span: timedelta) -> timedelta:
    return timedelta(seconds=secrets.randbelow(max(1, int(span.total_seconds()))))
