"""The dry run: what a mass reissue would do, in a fixed number of queries whatever the number of certificates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.functional import Promise

from certificates.campaigns.closed import closed
from certificates.campaigns.taking_part import Why, judged
from certificates.models import ActivationName, CaAccount
from identifiers.names import Name
from orders.models import Plan
from validation import caa
from validation.models import Delegation
from validation.models.authorization import Method

PLANS_SHOWN = 10
NAMES_SHOWN = 50
CAA_SAMPLE = 16


@dataclass(frozen=True)
class LeftOut:
    """`plans` are the first PLANS_SHOWN of `count`."""

    why: str
    title: str | Promise
    count: int
    plans: list[Plan]


@dataclass(frozen=True)
class NeededName:
    """A name of which the other CA wants to be shown control, by its customer's own doing."""

    plan_id: Any
    text: str
    method: str


@dataclass(frozen=True)
class Survey:
    """`names` counts the names of all that take part; of them `needing` need their customers, the first in `needed`.

    `caa` holds the names of the sample that CAA records close to the other CA; `caa_asked` is the size of the sample.
    """

    certificates: int
    taking_part: int
    customers: int
    names: int
    needing: int
    needed: list[NeededName]
    left_out: list[LeftOut]
    caa: list[caa.CaaReport]
    caa_asked: int


def survey(from_account: CaAccount, to_account: CaAccount, now: datetime) -> Survey:
    """Look, and change nothing. Asks the DNS about CAA for a sample: keep it out of a transaction."""
    rows = judged(from_account, to_account, now)
    counts = dict(rows.order_by().values_list("why").annotate(count=Count("pk")))
    part = rows.filter(why=Why.NOTHING)
    names = ActivationName.objects.filter(activation__plan__in=part.values("plan"))
    asked_for = needing_people(names) if not is_prevalidated(to_account) else names.none()
    every, needing = _keys(names), _keys(asked_for)
    sample = _first(every)
    asked = [Name(ascii=name.ascii, wildcard=name.wildcard) for name in sample[:CAA_SAMPLE]]
    return Survey(
        certificates=sum(counts.values()),
        taking_part=counts.get(Why.NOTHING.value, 0),
        customers=part.order_by().values("owner").distinct().count(),
        names=len(every),
        needing=len(needing),
        needed=[_needed(name) for name in _first(needing)],
        left_out=_left_out(rows, counts),
        caa=closed(asked, to_account.caa_names()),
        caa_asked=len(asked) if to_account.caa_names() else 0,
    )


def is_prevalidated(account: CaAccount) -> bool:
    """True where the CA takes our word for names: nobody has to publish anything."""
    return account.email_mode == CaAccount.EmailMode.PREVALIDATED


def needing_people(names: QuerySet[ActivationName]) -> QuerySet[ActivationName]:
    """Leave out the names that prove themselves: their customers have set that up once."""
    standing = Delegation.objects.standing().filter(
        owner=OuterRef("activation__plan__owner"), identifier=OuterRef("ascii")
    )
    # Whoever approves by mail is asked all the same.
    by_hand = names.exclude(Exists(standing.filter(kind=Delegation.Kind.CNAME)) & ~Q(method=Method.EMAIL))
    redirected = Exists(standing.filter(kind=Delegation.Kind.REDIRECT))
    return by_hand.exclude(redirected & Q(wildcard=False) & ~Q(method=Method.EMAIL))


def _keys(names: QuerySet[ActivationName]) -> list[int]:
    """All of them: asked for the first few in order, PostgreSQL judges every certificate anew for each name."""
    return sorted(names.order_by().values_list("pk", flat=True))


def _first(keys: list[int]) -> list[ActivationName]:
    names = ActivationName.objects.filter(pk__in=keys[:NAMES_SHOWN])
    return list(names.select_related("activation").order_by("activation", "position"))


def _needed(name: ActivationName) -> NeededName:
    return NeededName(name.activation.plan_id, name.text, name.get_method_display())


def _left_out(rows: QuerySet[Any], counts: dict[str, int]) -> list[LeftOut]:
    out = []
    for why in Why:
        if why is not Why.NOTHING and counts.get(why.value):
            some = rows.filter(why=why.value).select_related("plan__item__order", "plan__product")
            plans = [
                row.plan for row in some.defer("leaf_pem", "chain_pem").order_by("not_after")[:PLANS_SHOWN]
            ]
            out.append(LeftOut(why.value, why.label, counts[why.value], plans))
    return out
