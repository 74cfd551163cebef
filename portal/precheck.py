"""What the shop asks before money is taken: would a CA issue for these names, by their DNS and their CAA records?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from django.utils.translation import gettext as _

from certificates.issuance.permitting import issuers_of
from identifiers.names import Name
from orders.models import Product
from orders.sanity import Notice, Refusal
from validation import caa, doctor

AT_ONCE = 8


def caa_check(product: Product, names: list[Name]) -> list[Refusal | Notice]:
    """Look at DNS and CAA (RFC 8659) of every name. A lookup that fails informs and does not stop the order."""
    issuers, account_url = issuers_of(product)
    # DNS and CAA speak of domain names only (RFC 8659 §3).
    names = [name for name in names if not name.is_ip]
    if not names:
        return []
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        answers = pool.map(lambda name: _one(name, issuers, account_url), names)
        return [answer for answer in answers if answer is not None]


def _one(name: Name, issuers: Sequence[str], account_url: str | None) -> Refusal | Notice | None:
    foreseen = doctor.foresee(name)
    if foreseen is not None:
        text = _("%(what)s You can order, but no CA will issue before this is put right: %(advice)s")
        return Notice(text % {"what": foreseen.title, "advice": foreseen.advice}, name)
    if not issuers:
        return None
    report = caa.permits(name.ascii, name.wildcard, issuers, account_url=account_url)
    if not report.allowed:
        return Refusal(message=f"{report.title} {report.advice}", name=name, record=report.record_to_add)
    if report.unknown:
        text = _(
            "We could not read the CAA records of %(name)s just now. You can order; we look again before issuing."
        )
        return Notice(text % {"name": name.text}, name)
    return None
