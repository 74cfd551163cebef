"""Certificates that are wanted and not there: whom each waits for, and why."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Prefetch
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext

from certificates.held_up import UNATTENDED
from certificates.models import AcmeOrder, Issuance
from certificates.models.acme_order import AcmeOrderQuerySet
from portal.staff.stuck.row import FETCHED, Act, Finder, Stuck, Text
from portal.staff.stuck.words import sentence, words
from validation.models import Authorization

# An order moves on within seconds when all is well; a CA may take its minutes, a customer a day.
PATIENCE = {
    "us": timedelta(minutes=2),
    "ca": timedelta(minutes=10),
    "operator": timedelta(0),
    "customer": timedelta(days=1),
}
RETRIGGER = "certificates.retrigger_validation"
_RELATED = ("account", "issuance__plan__item__order")


def waiting(whom: str) -> Finder:
    """Return the finder of unfinished orders that wait for us, the CA or an operator."""

    def find(now: datetime) -> Iterable[Stuck]:
        rows = _longest(whom, now).select_related(*_RELATED).defer("issuance__csr")
        for order in rows.order_by("created_at")[:FETCHED]:
            yield _of_order(order, _why(order), words=words(order.problem), acts=(_look(order.issuance),))

    return find


def _longest(whom: str, now: datetime) -> AcmeOrderQuerySet:
    """Return those that have waited for longest, found without a join: ten thousand may wait, and few are shown."""
    # By due_at: unfinished orders have an index, all orders ever have none. One that the CA calls valid is
    # unfinished until its certificate is here.
    rows = AcmeOrder.objects.filter(due_at__isnull=False, ended_at__isnull=True, waiting_for=whom)
    first = rows.filter(created_at__lte=now - PATIENCE[whom]).order_by("created_at")
    # Some may be of an issuance that has ended and are only being tidied away.
    return AcmeOrder.objects.filter(
        pk__in=first.values("pk")[: 2 * FETCHED], issuance__state=Issuance.State.WANTED
    )


def _why(order: AcmeOrder) -> Text:
    if order.account.paused_at:
        return _t("%(ca)s is paused.") % {"ca": order.account.name}
    if order.problem is None and order.waiting_for == AcmeOrder.WaitingFor.CA:
        if order.finalizing_at is not None or order.status == AcmeOrder.Status.PROCESSING:
            return _t("%(ca)s is still making the certificate.") % {"ca": order.account.name}
        if order.answered_at is not None:
            return _t("%(ca)s is still looking at the names.") % {"ca": order.account.name}
    return sentence(order.problem)


def refused(now: datetime) -> Iterable[Stuck]:
    """Issuances that failed for good, unless the customer has begun another one since."""
    later = Issuance.objects.filter(plan=OuterRef("plan"), created_at__gt=OuterRef("created_at"))
    rows = Issuance.objects.filter(~Exists(later), state=Issuance.State.FAILED).defer("csr")
    for issuance in rows.select_related("plan__item__order").order_by("ended_at")[:FETCHED]:
        refund = reverse("admin:orders_order_refund", args=[issuance.plan.item.order_id])
        yield Stuck(
            issuance.plan.item.order.number,
            sentence(issuance.problem) if issuance.problem else _t("The CA will not issue."),
            issuance.ended_at,
            _story(issuance),
            names=tuple(issuance.texts),
            words=words(issuance.problem),
            then=_t("Nothing happens by itself: the customer changes the names, or gets the money back."),
            acts=(Act(_t("Refund"), refund, "orders.add_refund", icon="card"),),
        )


def not_shown(now: datetime) -> Iterable[Stuck]:
    """Names that nobody has shown control of for a day: the customer may not know how."""
    unseen = Authorization.objects.pending().filter(shown_at__isnull=True)
    rows = (
        _longest("customer", now)
        .select_related(*_RELATED)
        .defer("issuance__csr")
        .prefetch_related(Prefetch("authorizations", unseen.order_by("identifier"), to_attr="unseen"))
    )
    for order in rows.order_by("created_at")[:FETCHED]:
        missing = order.unseen  # type: ignore[attr-defined]
        why = sentence(order.problem)
        if missing:
            facts = {"n": len(missing), "all": len(order.issuance.names)}
            why = (
                ngettext(
                    "%(n)d of %(all)d names is not shown yet.",
                    "%(n)d of %(all)d names are not shown yet.",
                    facts["n"],
                )
                % facts
            )
        yield _of_order(
            order, why, words=_found(missing), acts=(_look(order.issuance),), next_at=_next(missing, order)
        )


def _found(missing: list[Authorization]) -> str:
    """Return what we saw when we last looked for the first of them."""
    row = next((row for row in missing if row.last_finding), None)
    finding = row.last_finding if row else None
    return f"{row.text}: {finding.title}" if row and finding else ""


def _next(missing: list[Authorization], order: AcmeOrder) -> datetime | None:
    return min((row.due_at for row in missing if row.due_at), default=order.due_at)


def verdicts(now: datetime) -> Iterable[Stuck]:
    """The CA looked and said no: the customer repairs it and tries again, which they may not have understood."""
    return _resting(_ended().exclude(problem__type=UNATTENDED))


def unattended(now: datetime) -> Iterable[Stuck]:
    """Nobody published anything until the order expired: it rests until its customer comes back, the newest first."""
    return _resting(_ended().filter(problem__type=UNATTENDED), newest_first=True)


def _ended() -> AcmeOrderQuerySet:
    later = AcmeOrder.objects.filter(issuance=OuterRef("issuance"), attempt__gt=OuterRef("attempt"))
    return AcmeOrder.objects.filter(
        ~Exists(later),
        issuance__state=Issuance.State.WANTED,
        status=AcmeOrder.Status.INVALID,
        due_at__isnull=True,
    )


def _resting(rows: AcmeOrderQuerySet, *, newest_first: bool = False) -> Iterable[Stuck]:
    first = rows.select_related(*_RELATED).defer("issuance__csr")
    for order in first.order_by("-ended_at" if newest_first else "ended_at")[:FETCHED]:
        again = Act(_t("New order"), f"{_story(order.issuance)}#retrigger", RETRIGGER, icon="refresh")
        yield _of_order(
            order,
            sentence(order.problem),
            words=words(order.problem),
            since=order.ended_at,
            then=_t("Nothing happens by itself: the customer, or one of us, has it tried again."),
            acts=(again,),
        )


def _of_order(
    order: AcmeOrder,
    why: Text,
    *,
    words: str,
    acts: tuple[Act, ...],
    since: datetime | None = None,
    then: Text = "",
    next_at: datetime | None = None,
) -> Stuck:
    return Stuck(
        order.issuance.plan.item.order.number,
        why,
        since or order.created_at,
        _story(order.issuance),
        names=tuple(order.issuance.texts),
        words=words,
        then=then,
        next_at=next_at or order.due_at,
        acts=acts,
    )


def _look(issuance: Issuance) -> Act:
    return Act(_t("Look again"), f"{_story(issuance)}#retrigger", RETRIGGER, icon="eye")


def _story(issuance: Issuance) -> str:
    return reverse("staff_plan", args=[issuance.plan_id])
