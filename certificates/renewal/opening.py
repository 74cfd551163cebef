"""The row that watches over a certificate's replacement: opened with the certificate, or later for one that has none."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from certificates.models import Certificate, RenewalInfo
from certificates.renewal import moment
from leases.inserts import insert_all

# Thousands of certificates of one hour do not ask their CA in one second.
FIRST_LOOK = timedelta(hours=1)
BATCH = 1000


def open_row(certificate: Certificate, now: datetime) -> RenewalInfo:
    """Open the row. Call it in the transaction that stores the certificate, so that neither is without the other."""
    row = _row(certificate, now)
    insert_all([row])
    return row


def open_missing(now: datetime) -> int:
    """Open the rows of valid certificates that have none; return for how many."""
    bare = Certificate.objects.current(now).filter(renewal_info__isnull=True).select_related("account")
    rows = [
        _row(certificate, now) for certificate in bare.defer("leaf_pem", "chain_pem").order_by("pk")[:BATCH]
    ]
    # Two tidying workers find the same certificates: the second one's rows are not needed.
    RenewalInfo.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _row(certificate: Certificate, now: datetime) -> RenewalInfo:
    """By age until the CA has said more."""
    reissue_at = moment.by_age(certificate)
    account = certificate.account
    asks = account is not None and account.has_renewal_info
    first_look = now + timedelta(seconds=secrets.randbelow(int(FIRST_LOOK.total_seconds())))
    return RenewalInfo(
        certificate=certificate,
        reissue_at=reissue_at,
        ask_at=first_look if asks else None,
        due_at=max(now, min(reissue_at, first_look if asks else now + moment.SELDOM)),
    )
