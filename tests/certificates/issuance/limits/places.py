"""Limits, what has been taken of them, and the next free slot."""

from __future__ import annotations

from datetime import datetime, timedelta

from certificates.issuance import limits
from certificates.models import CaAccount, CaLimit, CaUse
from identifiers.names import Name
from tests.conftest import NOW

HOUR = timedelta(hours=1)


def limit(account: CaAccount, kind: str, amount: int, seconds: int = 3600, **rest: bool) -> CaLimit:
    return CaLimit.objects.create(account=account, kind=kind, amount=amount, seconds=seconds, **rest)


def use(account: CaAccount, kind: str, at: datetime, subject: str = "") -> CaUse:
    return CaUse.objects.create(account=account, kind=kind, at=at, subject=subject)


def slot(account: CaAccount, *names: str, now: datetime = NOW, replaces: str = "", ahead: int = 0):
    wanted = [Name.of(text) for text in names or ("shop.example",)]
    return limits.next_slot(account, wanted, replaces, now, ahead=ahead)


def laid_by() -> list[tuple[str, str]]:
    """Return what is counted of certificates, the set's hash as a word."""
    rows = CaUse.objects.filter(kind__in=["domain", "set"]).values_list("kind", "subject")
    return sorted((kind, "the set" if kind == "set" else subject) for kind, subject in rows)
