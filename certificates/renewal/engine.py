"""The renewals queue: asks the CA when, and at the chosen moment orders the next certificate of the plan."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from audit.record import record
from audit.vocabulary import Action
from certificates.held_up import UNATTENDED, slug_of
from certificates.issuance import wishes
from certificates.issuance.problems import ours
from certificates.models import AcmeOrder, ActivationName, Certificate, Issuance, RenewalInfo
from certificates.renewal import asking, letters, moment
from certificates.renewal.moment import SELDOM
from certificates.renewal.obstacles import GIVEN_UP, NOT_SET_UP, SWITCHED_OFF, Obstacle, obstacle_to
from certificates.upcoming import is_blocked, is_recalled
from leases import ring
from orders.models import Plan
from validation import delegation
from validation.models import Authorization

BY = "renewals"
# The lookout has had its look by then: what is delegated or still in place needs nobody.
FIRST_WATCH = timedelta(minutes=5)
WATCH = timedelta(hours=1)
# Nothing tells that an obstacle is gone, except the switch, which wakes the row.
LOOK_AGAIN = timedelta(hours=6)


def look(row: RenewalInfo, now: datetime) -> None:
    """Work one claimed row. Every exit writes when to look again, or that its story is over. Raises LeaseLost."""
    certificate = Certificate.objects.select_related("account", "plan__owner").get(pk=row.certificate_id)
    if is_over(certificate, now):
        row.let_go(None)
        return
    wanted = certificate.plan.issuances.filter(state=Issuance.State.WANTED).first()
    if wanted is not None:
        watch(row, certificate, wanted, now)
        return
    begin_asking(row, certificate, now)
    if asking.is_due(row, now):
        asking.ask(row, certificate, now)
    if row.reissue_at is None:
        row.write(reissue_at=moment.by_age(certificate))
    if row.reissue_at is not None and row.reissue_at > now:
        retest_at = moment.retest_at(certificate, row.reissue_at)
        if retest_at <= now:
            retest(certificate, retest_at, now)
        row.let_go(
            _next_look(row, row.reissue_at, retest_at, now), problem=None if is_blocked(row) else row.problem
        )
        return
    order_next(row, certificate, now)


def begin_asking(row: RenewalInfo, certificate: Certificate, now: datetime) -> None:
    """A CA that has learned to tell is asked from now on. Raises LeaseLost."""
    account = certificate.account
    if row.ask_at is None and row.checked_at is None and account is not None and account.has_renewal_info:
        row.write(ask_at=now)


def retest(certificate: Certificate, since: datetime, now: datetime) -> None:
    """What its owner set up once is looked at once more, in one statement: what was seen after `since` is left alone."""
    names = ActivationName.objects.filter(activation__plan=certificate.plan_id).values("ascii")
    delegation.look_before(certificate.plan.owner, names, since, now)


def is_over(certificate: Certificate, now: datetime) -> bool:
    """True once another certificate has its place, it is no longer valid, or the plan can yield no more."""
    plan = certificate.plan
    valid = certificate.state == Certificate.State.VALID and certificate.not_after > now
    return not valid or plan.state == Plan.State.ENDED or plan.ends_at <= now


def order_next(row: RenewalInfo, certificate: Certificate, now: datetime) -> None:
    """Open the next issuance and watch it, in one transaction; or write what stands in the way. Raises LeaseLost."""
    try:
        obstacle = _open(row, certificate, now)
    except wishes.NotReady as refused:
        obstacle = Obstacle(NOT_SET_UP.slug, str(refused))
    if obstacle is not None:
        block(row, certificate, obstacle, now)


def _open(row: RenewalInfo, certificate: Certificate, now: datetime) -> Obstacle | None:
    with transaction.atomic():
        row.renew_lease(now)
        # Held until the end, so that no other certificate takes its place and the plan does not stop meanwhile.
        held = Certificate.objects.select_for_update().filter(pk=certificate.pk)
        if held.values_list("state", flat=True).get() != Certificate.State.VALID:
            row.let_go(None)
            return None
        plans = Plan.objects.select_for_update(of=("self",)).select_related("product", "item", "activation")
        plan = plans.get(pk=certificate.plan_id)
        recalled = is_recalled(row.window_end, certificate)
        obstacle = obstacle_to(certificate, plan, now, recalled=recalled)
        if obstacle is None:
            kind = wishes.next_kind(plan)
            wishes.request(plan, by=BY, now=now, kind=kind, replaces=certificate)
            row.let_go(now + FIRST_WATCH, problem=None)
        return obstacle


def block(row: RenewalInfo, certificate: Certificate, obstacle: Obstacle, now: datetime) -> None:
    """Write why nothing was ordered, tell the owner once, and look again later. Raises LeaseLost."""
    again = now + LOOK_AGAIN
    due = min(again, row.ask_at) if row.ask_at is not None and row.ask_at > now else again
    if not obstacle.blocks:
        row.let_go(due, problem=None)
        return
    told = ours(f"renewal_{obstacle.slug}", str(obstacle.text), now)
    news = (row.problem or {}).get("type") != told["type"]
    recalled = is_recalled(row.window_end, certificate)
    with transaction.atomic():
        row.let_go(due, problem=told)
        if news:
            plan_id = certificate.plan_id
            record(Action.RENEWAL_BLOCKED, certificate, now=now, by=BY, plan_id=plan_id, why=obstacle.slug)
        # They know, and get the reminders that everybody gets; a certificate about to be revoked will not wait for those.
        if obstacle not in {SWITCHED_OFF, GIVEN_UP} or recalled:
            letters.blocked(row, certificate, obstacle, now)


def watch(row: RenewalInfo, certificate: Certificate, wanted: Issuance, now: datetime) -> None:
    """A successor is on its way: tell its owner, who did not ask for it, when it needs them. Raises LeaseLost."""
    if wanted.requested_by_id is not None or not needs_its_owner(wanted):
        young = now - wanted.created_at < WATCH
        row.let_go(now + (FIRST_WATCH if young else WATCH))
        return
    with transaction.atomic():
        row.let_go(now + LOOK_AGAIN)
        letters.needs_you(row, certificate, wanted, now)


def watch_from(certificate: Certificate, now: datetime) -> None:
    """Have the row watch a successor that somebody else has just opened."""
    RenewalInfo.objects.filter(certificate=certificate, due_at__isnull=False).update(due_at=now + FIRST_WATCH)
    ring()


def needs_its_owner(wanted: Issuance) -> bool:
    """True if its order waits for nothing but records that nobody has published, or rests since nobody did in time."""
    order = wanted.acme_orders.order_by("-attempt").first()
    if order is not None and order.ended_at is not None and slug_of(order.problem) == UNATTENDED:
        return True
    if order is None or order.answered_at is not None or order.ended_at is not None:
        return False
    if order.waiting_for != AcmeOrder.WaitingFor.CUSTOMER or order.status != AcmeOrder.Status.PENDING:
        return False
    pending = order.authorizations.filter(status=Authorization.Status.PENDING)
    return pending.filter(shown_at__isnull=True, insisted_at__isnull=True).exists()


def _next_look(row: RenewalInfo, reissue_at: datetime, retest_at: datetime, now: datetime) -> datetime:
    due = min(reissue_at, row.ask_at if row.ask_at is not None else now + SELDOM)
    return min(due, retest_at) if retest_at > now else due
