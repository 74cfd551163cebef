"""A product with two CAs, and what becomes of its order."""

from __future__ import annotations

from datetime import timedelta

from certificates import issuance
from certificates.models import CaAccount, CaLimit, CaUse, Issuance, ProductIssuer
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.little_ca import LittleCa
from tests.factories import plan_for

MINUTE = timedelta(minutes=1)
BROKEN = problem("serverInternal", 500)
VERBS = ("directory", "newAccount", "newOrder", "order", "authz", "chall", "finalize", "cert", "deactivate")


def wish(desk, owner, second: CaAccount, *names: str, level: str = "dv") -> Issuance:
    plan = plan_for(owner, *names, account=desk.account)
    plan.product.level = level
    plan.product.save()
    ProductIssuer.objects.create(product=plan.product, account=second, position=1)
    return issuance.request(plan, by=owner, now=desk.now)


def down(ca: LittleCa) -> None:
    for verb in VERBS:
        ca.spoil_always(verb, BROKEN)


def accounts_of(wanted: Issuance) -> list[str]:
    return list(wanted.acme_orders.order_by("attempt").values_list("account__name", flat=True))


def finalized(wanted: Issuance) -> int:
    return wanted.acme_orders.filter(finalizing_at__isnull=False).count()


def fill(desk, account: CaAccount, seconds: int) -> None:
    CaLimit.objects.create(account=account, kind="orders", amount=1, seconds=seconds)
    CaUse.objects.create(account=account, kind="orders", at=desk.now)
