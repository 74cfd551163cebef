"""What is stuck and why: the rows that wait for somebody of us, for a CA, or for money to be sorted out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models import Letter
from audit.admin_pages import page_of
from certificates.models import AcmeOrder, CaAccount, Issuance, Revocation
from orders.models import GatewayEvent, Order, OrderItem, Payment, Refund

SHOWN = 25
# An order moves on within seconds when all is well; a CA may take its minutes.
PATIENCE = {"us": timedelta(minutes=2), "ca": timedelta(minutes=10), "operator": timedelta(0)}
DECLINED_FOR = timedelta(days=3)


@dataclass(frozen=True)
class Stuck:
    """`why` may hold words of a CA or a mail server: shown escaped. `needs` is the permission for the page at `url`."""

    what: str
    why: str
    since: datetime | None
    url: str = ""
    needs: str = ""


@dataclass(frozen=True)
class Group:
    """`tone` as in the design system; `more` is true when only the oldest SHOWN rows are listed."""

    title: str | Promise
    advice: str | Promise
    tone: str
    rows: list[Stuck]
    more: bool


Finder = Callable[[datetime], Iterable[Stuck]]


def stuck(now: datetime, may: Callable[[str], bool]) -> list[Group]:
    """Return what is stuck, most pressing first; empty groups are left out. A fixed number of queries.

    `may` tells whether the reader has a permission: a link they could not follow is left out.
    """
    groups = []
    for title, advice, tone, find in FINDERS:
        rows = [row if not row.needs or may(row.needs) else replace(row, url="") for row in find(now)]
        if rows:
            groups.append(Group(title, advice, tone, rows[:SHOWN], len(rows) > SHOWN))
    return groups


def _paid_without_plan(now: datetime) -> Iterable[Stuck]:
    items = OrderItem.objects.filter(
        order__state=Order.State.PAID, plan__isnull=True, order__paid_at__lt=now - PATIENCE["us"]
    )
    for item in items.select_related("order", "product").order_by("order__paid_at")[: SHOWN + 1]:
        yield Stuck(
            f"{item.order.number} {item.product.title}",
            _t("Paid, but no plan was opened."),
            item.order.paid_at,
            page_of(item.order),
        )


def _mismatches(now: datetime) -> Iterable[Stuck]:
    rows = Payment.objects.filter(state=Payment.State.MISMATCH).select_related("order").order_by("created_at")
    settled = Refund.objects.filter(payment=OuterRef("pk")).exclude(state=Refund.State.FAILED)
    for payment in rows.exclude(Exists(settled))[: SHOWN + 1]:
        yield Stuck(
            str(payment),
            payment.problem or _t("The money is not what was asked for."),
            payment.created_at,
            page_of(payment),
        )


def _failed_refunds(now: datetime) -> Iterable[Stuck]:
    rows = (
        Refund.objects.filter(state=Refund.State.FAILED)
        .select_related("payment__order")
        .order_by("created_at")
    )
    for refund in rows[: SHOWN + 1]:
        yield Stuck(
            refund.payment.order.number,
            refund.problem or _t("The gateway refused the refund."),
            refund.created_at,
            page_of(refund),
        )


def _disputes(now: datetime) -> Iterable[Stuck]:
    for order in Order.objects.filter(state=Order.State.DISPUTED).order_by("paid_at")[: SHOWN + 1]:
        yield Stuck(
            order.number, _t("The customer's bank disputes the payment."), order.paid_at, page_of(order)
        )


def _events(now: datetime) -> Iterable[Stuck]:
    for event in GatewayEvent.objects.filter(processed_at__isnull=True, tries__gt=0).order_by("received_at")[
        : SHOWN + 1
    ]:
        yield Stuck(event.kind, event.outcome or _t("Could not be processed yet."), event.received_at)


def _declined(now: datetime) -> Iterable[Stuck]:
    rows = Payment.objects.filter(
        state=Payment.State.FAILED,
        order__state=Order.State.AWAITING_PAYMENT,
        created_at__gt=now - DECLINED_FOR,
    )
    for payment in rows.select_related("order").order_by("-created_at")[: SHOWN + 1]:
        yield Stuck(
            str(payment), payment.problem or _t("The payment failed."), payment.created_at, page_of(payment)
        )


def _paused(now: datetime) -> Iterable[Stuck]:
    for account in CaAccount.objects.filter(paused_at__isnull=False).order_by("paused_at")[: SHOWN + 1]:
        yield Stuck(
            account.name,
            account.paused_why,
            account.paused_at,
            page_of(account),
            needs="certificates.view_caaccount",
        )


def _waiting(whom: str) -> Finder:
    def find(now: datetime) -> Iterable[Stuck]:
        rows = AcmeOrder.objects.open().filter(waiting_for=whom, created_at__lte=now - PATIENCE[whom])
        rows = rows.filter(issuance__state=Issuance.State.WANTED).defer("issuance__csr")
        related = rows.select_related("account", "issuance__plan__item__order", "issuance__plan__product")
        for order in related.order_by("created_at")[: SHOWN + 1]:
            why = told(order.problem) or _t("No problem was reported.")
            if order.account.paused_at:
                why = _t("%(ca)s is paused.") % {"ca": order.account.name}
            yield Stuck(_title(order.issuance), why, order.created_at, _story(order.issuance))

    return find


def _refused(now: datetime) -> Iterable[Stuck]:
    later = Issuance.objects.filter(plan=OuterRef("plan"), created_at__gt=OuterRef("created_at"))
    rows = Issuance.objects.filter(~Exists(later), state=Issuance.State.FAILED).defer("csr")
    for issuance in rows.select_related("plan__item__order", "plan__product").order_by("ended_at")[
        : SHOWN + 1
    ]:
        yield Stuck(
            _title(issuance),
            told(issuance.problem) or _t("The CA will not issue."),
            issuance.ended_at,
            _story(issuance),
        )


def _revocations(now: datetime) -> Iterable[Stuck]:
    """Refused while browsers still trust the certificate, or asked for so long ago that somebody should look."""
    slow = Q(refused_at__isnull=True, tries__gt=0, asked_at__lte=now - PATIENCE["ca"])
    rows = Revocation.objects.filter(Q(refused_at__isnull=False) | slow, done_at__isnull=True)
    related = rows.filter(certificate__not_after__gt=now).select_related(
        "certificate__plan__item__order", "certificate__plan__product"
    )
    deferred = related.defer("certificate__leaf_pem", "certificate__chain_pem")
    for row in deferred.order_by("asked_at")[: SHOWN + 1]:
        certificate = row.certificate
        yield Stuck(
            f"{certificate.plan.item.order.number} {', '.join(certificate.names[:3])}",
            told(row.problem) or _t("No problem was reported."),
            row.asked_at,
            reverse("staff_plan", args=[certificate.plan_id]),
        )


def _letters(now: datetime) -> Iterable[Stuck]:
    for letter in Letter.objects.unsent().defer("body").order_by("created_at")[: SHOWN + 1]:
        what = f"{letter.subject} → {letter.to}"
        yield Stuck(what, f"{letter.fate}. {letter.problem}", letter.created_at, page_of(letter))


def told(problem: dict[str, Any] | None) -> str:
    """Return the words of a stored problem document."""
    return str((problem or {}).get("detail") or (problem or {}).get("type") or "")


def _title(issuance: Issuance) -> str:
    names = ", ".join(issuance.texts[:3]) + (" …" if len(issuance.texts) > 3 else "")
    return f"{issuance.plan.item.order.number} {names}"


def _story(issuance: Issuance) -> str:
    return reverse("staff_plan", args=[issuance.plan_id])


FINDERS: tuple[tuple[str | Promise, str | Promise, str, Finder], ...] = (
    (_("Paid, not fulfilled"), _("Should never be here: money without a plan."), "bad", _paid_without_plan),
    (_("CAs that are paused"), _("Put right what the CA says, then resume it on its page."), "bad", _paused),
    (
        _("Waiting for an operator"),
        _("The CA or the set-up needs somebody of us."),
        "bad",
        _waiting("operator"),
    ),
    (
        _("Refused by the CA"),
        _("The CA will not issue for these names. The customer needs other names or their money back."),
        "bad",
        _refused,
    ),
    (
        _("Certificates that should be revoked"),
        _(
            "The CA refuses, or has not done it for long. Ask again on the certificate's page, or have the CA do it."
        ),
        "bad",
        _revocations,
    ),
    (
        _("Money that does not match"),
        _("More, less or another currency than we asked for. Refund it on the order's page."),
        "bad",
        _mismatches,
    ),
    (
        _("Refunds that failed"),
        _("Ask again on the order's page, or settle it with the gateway."),
        "bad",
        _failed_refunds,
    ),
    (
        _("Disputed payments"),
        _("The plans of these orders are suspended until the bank has decided."),
        "wait",
        _disputes,
    ),
    (_("Waiting for us"), _("A worker should have moved these on by now."), "bad", _waiting("us")),
    (
        _("Waiting for the CA"),
        _("Nothing to do unless it takes much longer: we ask again by ourselves."),
        "wait",
        _waiting("ca"),
    ),
    (_("Gateway events not processed"), _("Tried again by themselves."), "wait", _events),
    (
        _("Mails that were not sent"),
        _("Tried again by themselves until they are given up."),
        "wait",
        _letters,
    ),
    (
        _("Payments that failed in the last days"),
        _("The customer can pay again; a call may help."),
        "quiet",
        _declined,
    ),
)
