"""What the shop asks before money is taken: would a CA issue for these names, by their DNS and their CAA records?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from django.core.cache import cache
from django.utils.translation import gettext as _

from certificates.issuance.permitting import issuers_of
from identifiers.names import Name
from orders.models import Product
from orders.sanity import Notice, Refusal
from validation import caa, doctor
from validation.caa import CaaReport
from validation.deadline import Deadline
from validation.problems import Finding
from validation.resolver import Resolver

AT_ONCE = 8
# A look is over after SECONDS_EACH, and none begins after SECONDS_TO_BEGIN: the shop waits for the sum at most.
SECONDS_EACH, SECONDS_TO_BEGIN = 5.0, 3.0
# What stops no order need not be looked at again at each press of a button.
REMEMBERED = 30  # seconds


@dataclass(frozen=True)
class Seen:
    """`foreseen` keeps every CA from the name; `report` is what its CAA records say, None where that was not asked."""

    foreseen: Finding | None = None
    report: CaaReport | None = None

    @property
    def stops_nothing(self) -> bool:
        return self.foreseen is not None or (self.report is not None and self.report.unknown)


def caa_check(product: Product, names: list[Name]) -> list[Refusal | Notice]:
    """Look at DNS and CAA (RFC 8659) of every name. A lookup that fails, or comes too late, informs and does not stop the order."""
    issuers, account_url = issuers_of(product)
    # DNS and CAA speak of domain names only (RFC 8659 §3).
    names = [name for name in names if not name.is_ip]
    if not names:
        return []
    look = partial(_look, issuers=issuers, account_url=account_url, begin=Deadline(SECONDS_TO_BEGIN))
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        answers = [_told(name, seen) for name, seen in zip(names, pool.map(look, names), strict=True)]
    return [answer for answer in answers if answer is not None]


def _look(name: Name, *, issuers: Sequence[str], account_url: str | None, begin: Deadline) -> Seen | None:
    """Return what is seen now, or was a moment ago; None where the time to begin is over."""
    told = "\n".join((name.text, account_url or "", *issuers))
    key = f"precheck:{hashlib.sha256(told.encode()).hexdigest()}"
    known = cache.get(key)
    if isinstance(known, Seen):
        return known
    if begin.passed:
        return None
    seen = _see(name, issuers, account_url)
    if seen.stops_nothing:
        cache.set(key, seen, REMEMBERED)
    return seen


def _see(name: Name, issuers: Sequence[str], account_url: str | None) -> Seen:
    resolver = Resolver.configured(Deadline(SECONDS_EACH))
    foreseen = doctor.foresee(name, resolver)
    if foreseen is not None or not issuers:
        return Seen(foreseen)
    report = caa.permits(name.ascii, name.wildcard, issuers, account_url=account_url, resolver=resolver)
    return Seen(None, report)


def _told(name: Name, seen: Seen | None) -> Refusal | Notice | None:
    if seen is not None and seen.foreseen is not None:
        text = _("%(what)s You can order, but no CA will issue before this is put right: %(advice)s")
        return Notice(text % {"what": seen.foreseen.title, "advice": seen.foreseen.advice}, name)
    report = seen.report if seen is not None else None
    if report is not None and not report.allowed:
        return Refusal(message=f"{report.title} {report.advice}", name=name, record=report.record_to_add)
    if seen is None or (report is not None and report.unknown):
        text = _(
            "We could not read the CAA records of %(name)s just now. You can order; we look again before issuing."
        )
        return Notice(text % {"name": name.text}, name)
    return None
