"""What the shop asks before money is taken: may the CA that would issue do so, by the domain's CAA records?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.utils.translation import gettext as _

from certificates.models import CaAccount
from identifiers.names import Name
from orders.models import Product
from orders.sanity import Notice, Refusal
from validation import caa

AT_ONCE = 8


def caa_check(product: Product, names: list[Name]) -> list[Refusal | Notice]:
    """Look up CAA for every name (RFC 8659). A lookup that fails informs and does not stop the order."""
    accounts = CaAccount.objects.for_product(product)
    # CAA speaks of domain names only (RFC 8659 §3).
    names = [name for name in names if not name.is_ip]
    issuers = sorted({issuer for account in accounts for issuer in account.caa_names()})
    if not issuers or not names:
        return []
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        reports = list(pool.map(lambda name: caa.permits(name.ascii, name.wildcard, issuers), names))
    answers: list[Refusal | Notice] = []
    for name, report in zip(names, reports, strict=True):
        if not report.allowed:
            answers.append(Refusal(message=str(report.advice), name=name, record=report.record_to_add))
        elif report.unknown:
            text = _(
                "We could not read the CAA records of %(name)s just now. You can order; we look again before issuing."
            )
            answers.append(Notice(message=text % {"name": name.text}, name=name))
    return answers
