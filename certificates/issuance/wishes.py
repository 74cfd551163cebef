"""What people may ask of an issuance. Each wish only writes rows and rings; the engine does the work."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Case, F, When
from django.utils.translation import gettext as _

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates.csr import UnacceptableCSR, against
from certificates.held_up import UNATTENDED, slug_of
from certificates.issuance import approvals, reading
from certificates.models import (
    AcmeOrder,
    Activation,
    ActivationName,
    CaAccount,
    Campaign,
    Certificate,
    Issuance,
)
from certificates.plan_csr import read_for
from identifiers.names import Name
from leases import ring
from leases.inserts import insert, insert_all
from leases.updates import update
from orders.models import Plan
from validation import probing
from validation.models import Approval, Authorization
from validation.models.authorization import Method


class NotReady(Exception):
    """Something is missing before a certificate can be requested; the message is for the customer."""


class NotPossible(Exception):
    """The wish does not fit the present state; the message is for whoever asked."""


def request(
    plan: Plan,
    *,
    by: User | str,
    now: datetime,
    kind: str = Issuance.Kind.FIRST,
    address: str | None = None,
    account: CaAccount | None = None,
    replaces: Certificate | None = None,
    campaign: Campaign | None = None,
) -> Issuance:
    """Ask for one certificate for the plan as its activation says. Asked twice, the running issuance is returned.

    `by` is a person, or the name of a process. `account` is where it is ordered first (else the product's first choice);
    `replaces` the certificate whose place it takes (RFC 9773 §5). Raises NotReady.
    """
    running = reading.running_issuance(plan)
    if running is not None:
        return running
    activation = _finished_activation(plan)
    account = account or reading.first_account(plan.product)
    if account is None:
        raise NotReady(
            _("No certificate authority is set up for this product yet. Our staff have been told.")
        )
    issuance = _as_configured(plan, activation, kind, now)
    issuance.requested_by = None if isinstance(by, str) else by
    issuance.replaces, issuance.campaign = replaces, campaign
    try:
        with transaction.atomic():
            insert_all([issuance])
            insert(
                AcmeOrder, issuance=issuance, owner_id=plan.owner_id, account=account, attempt=1, created_at=now, due_at=now
            )  # fmt: skip
            update(Activation, {"pk": activation.pk}, finished_at=now)
            record(
                Action.ISSUANCE_REQUESTED,
                issuance,
                now=now,
                by=by,
                address=address,
                plan_id=plan.pk,
                order_id=plan.item.order_id,
                names=issuance.texts,
                kind=kind,
            )
    except IntegrityError:
        # Two Finish buttons at once: the unique index let one through.
        return plan.issuances.get(state=Issuance.State.WANTED)
    ring()
    return issuance


def next_kind(plan: Plan) -> str:
    """Return what the next certificate of the plan is: with the customer's own CSR a reissue, with ours a new key too."""
    pasted = plan.activation.csr_source == Activation.CsrSource.PASTED
    return Issuance.Kind.REISSUE if pasted else Issuance.Kind.REKEY


def _as_configured(plan: Plan, activation: Activation, kind: str, now: datetime) -> Issuance:
    """Return the row, not stored yet. Raises NotReady."""
    pasted = activation.csr_source == Activation.CsrSource.PASTED
    return Issuance(
        plan=plan,
        kind=kind,
        names=[_entry(n) for n in activation.names.all()],
        key_type="" if pasted else activation.key_type,
        subject={} if pasted else _subject(activation),
        csr=_pasted_csr(activation) if pasted else None,
        created_at=now,
    )


def _entry(name: ActivationName) -> dict[str, object]:
    entry: dict[str, object] = {"ascii": name.ascii, "wildcard": name.wildcard, "method": name.method}
    return entry | approver_of(name.method, name.approver, name.approver_domain)


def approver_of(method: str, address: str, domain: str) -> dict[str, str]:
    """Return what an entry of an issuance's names says about who approves, nothing for other methods."""
    return {"approver": address, "approver_domain": domain} if method == Method.EMAIL else {}


def _finished_activation(plan: Plan) -> Activation:
    if plan.state not in {Plan.State.OPEN, Plan.State.ACTIVE}:
        raise NotReady(_("This plan is %(state)s.") % {"state": plan.get_state_display().lower()})
    activation = reading.activation_of(plan)
    if activation is None or activation.csr_done_at is None:
        raise NotReady(_("Step 1, CSR, is not complete yet."))
    if activation.contacts_done_at is None:
        raise NotReady(_("Step 2, Contacts, is not complete yet."))
    names = list(activation.names.all())
    if activation.methods_done_at is None or not names or not all(name.method for name in names):
        raise NotReady(_("Step 3, Authentication method, is not complete yet."))
    return activation


def _pasted_csr(activation: Activation) -> bytes:
    """Read the stored CSR once more: what was acceptable when it was pasted may not be so today."""
    try:
        report = read_for(activation.plan, activation.csr_pem)
    except UnacceptableCSR as exc:
        if "forbidden_key" in exc.slugs:
            raise NotReady(
                _("The key of your CSR was reported as known to others. Make a new key and a new CSR.")
            ) from exc
        raise NotReady(_("The CSR of step 1 can no longer be accepted; please verify it again.")) from exc
    if against(report, [Name(ascii=row.ascii, wildcard=row.wildcard) for row in activation.names.all()]):
        raise NotReady(_("The CSR of step 1 is for other names than the plan; please verify it again."))
    return report.der


def _subject(activation: Activation) -> dict[str, str]:
    return {
        "organization": activation.organization,
        "locality": activation.locality,
        "state": activation.region,
        "country": activation.country,
    }


def withdraw(issuance: Issuance, *, by: User, now: datetime) -> None:
    """Give up a wanted issuance, for instance to change its names.

    Raises NotPossible once it ended, and while the CA is signing: a certificate that nobody holds would be the result.
    """
    with transaction.atomic():
        wanted = Issuance.objects.filter(pk=issuance.pk, state=Issuance.State.WANTED)
        if wanted.update(state=Issuance.State.WITHDRAWN, ended_at=now) != 1:
            raise NotPossible(_("This request has already ended."))
        if _being_signed(issuance):
            raise NotPossible(_("The certificate is being made this moment. Please wait until it is here."))
        # The engine finds the withdrawn issuance and gives its authorizations back to the CA.
        AcmeOrder.objects.open().filter(issuance=issuance).update(due_at=now)
        record(Action.ISSUANCE_WITHDRAWN, issuance, now=now, by=by, plan_id=issuance.plan_id)
    issuance.refresh_from_db()
    ring()


def _being_signed(issuance: Issuance) -> bool:
    sent = issuance.acme_orders.filter(ended_at__isnull=True, finalizing_at__isnull=False)
    return sent.exclude(status=AcmeOrder.Status.INVALID).filter(waiting_for=AcmeOrder.WaitingFor.CA).exists()


def try_again(issuance: Issuance, *, by: User | str, now: datetime, reason: str = "") -> AcmeOrder:
    """Open a new order of the same issuance after the CA has given its verdict. Raises NotPossible."""
    last = issuance.acme_orders.order_by("-attempt").first()
    if issuance.state != Issuance.State.WANTED or last is None:
        raise NotPossible(_("This request has ended."))
    # An order that the CA has closed has no verdict yet: the engine reads the reasons first.
    if last.status != AcmeOrder.Status.INVALID or last.ended_at is None:
        raise NotPossible(_("An order at the certificate authority is still under way."))
    try:
        with transaction.atomic():
            order = AcmeOrder.objects.create(
                issuance=issuance, account=last.account, attempt=last.attempt + 1, created_at=now, due_at=now
            )
            record(
                Action.TRIED_AGAIN,
                issuance,
                now=now,
                by=by,
                plan_id=issuance.plan_id,
                attempt=order.attempt,
                reason=reason,
            )
    except IntegrityError:
        return AcmeOrder.objects.open().get(issuance=issuance)
    ring()
    return order


def go_on_after(approval: Approval, now: datetime) -> None:
    """Its domain's owner has approved after the order had expired: they are the one whom it rested for."""
    if approval.plan_id is None:
        return
    running = Issuance.objects.filter(plan_id=approval.plan_id, state=Issuance.State.WANTED).first()
    last = running.acme_orders.order_by("-attempt").first() if running is not None else None
    if running is None or last is None or slug_of(last.problem) != UNATTENDED or last.ended_at is None:
        return
    if approval.is_given(now):
        try_again(running, by="approval", now=now)


def open_order(issuance: Issuance) -> AcmeOrder | None:
    """Return the order that is under way, None when there is none."""
    return AcmeOrder.objects.open().filter(issuance=issuance).select_related("account").first()


def look_again(issuance: Issuance, *, by: User, now: datetime, reason: str = "") -> int:
    """Look at the customer's servers at once, and let the engine move; return how many names will be looked at."""
    order = open_order(issuance)
    if order is None:
        return 0
    with transaction.atomic():
        pending = Authorization.objects.filter(
            acme_orders=order, status=Authorization.Status.PENDING, shown_at__isnull=True
        )
        # Staff see the row itself; a customer's impatience is not passed on to their name servers.
        gap = timedelta(0) if by.is_staff else probing.GAP
        rows = pending.exclude(due_at__isnull=True).values_list("pk", flat=True)
        woken = sum(Authorization.objects.ask(pk, now, gap) for pk in list(rows))
        waiting = AcmeOrder.objects.filter(pk=order.pk)
        if not by.is_staff:
            # A CA that is in trouble is not asked more often because a customer presses a button.
            waiting = waiting.exclude(waiting_for=AcmeOrder.WaitingFor.CA)
        waiting.wake(now)
        # Memory keeps what was done, not how often a button was pressed in vain; of staff it keeps that too.
        if woken or by.is_staff:
            record(
                Action.LOOKED_AGAIN,
                issuance,
                now=now,
                by=by,
                plan_id=issuance.plan_id,
                names=woken,
                reason=reason,
            )
    ring()
    return woken


def insist(authorization: Authorization, *, by: User, now: datetime) -> None:
    """Ask the CA to look although we do not see the record. Raises NotPossible when it is not waiting."""
    with transaction.atomic():
        if not authorization.insist(now):
            raise NotPossible(_("This name is no longer waiting."))
        AcmeOrder.objects.open().needing(authorization).wake(now)
        record(
            Action.LOOKED_AGAIN,
            authorization,
            now=now,
            by=by,
            plan_id=authorization.plan_id,
            insisted=authorization.text,
        )
    ring()


def change_method(
    issuance: Issuance,
    name: str,
    method: str,
    *,
    by: User,
    now: datetime,
    approver: tuple[str, str] = ("", ""),
    reason: str = "",
) -> None:
    """Show control of `name` ("*.shop.example") another way. Nothing proven is lost. Raises NotPossible.

    `approver` is address and domain of whoever is asked by mail; the engine asks. `reason` is what staff give, and
    is remembered with who they are; the customer's own change is remembered by its page.
    """
    if issuance.state != Issuance.State.WANTED:
        raise NotPossible(_("This request has ended."))
    if name.startswith("*.") and method == "http-01":
        raise NotPossible(_("A wildcard can only be shown by DNS."))
    if method == "dns-01" and Name.of(name).is_ip:
        raise NotPossible(_("An IP address can only be shown by HTTP."))
    plain = Name.of(name)
    if method == Method.EMAIL and plain.is_ip:
        raise NotPossible(_("Nobody can be asked by mail about an IP address."))
    shown_by = method
    if method == Method.EMAIL:
        shown_by = approvals.proof_for(issuance.plan.owner, plain.ascii, wildcard=plain.wildcard)
    with transaction.atomic():
        changed = {"method": method} | approver_of(method, *approver)
        # As they stand now: another tab, or staff, may have changed another name since the page was read.
        names = [n | changed if _text(n) == name else n for n in _names_held(issuance)]
        Issuance.objects.filter(pk=issuance.pk).update(names=names)
        _stop_opening(issuance, name, now)
        Activation.objects.get(plan_id=issuance.plan_id).names.filter(
            ascii=name.removeprefix("*."), wildcard=name.startswith("*.")
        ).update(method=method, approver=approver[0], approver_domain=approver[1])
        pending = Authorization.objects.filter(
            acme_orders__in=AcmeOrder.objects.open().filter(issuance=issuance),
            identifier=name.removeprefix("*."),
            wildcard=name.startswith("*."),
            status=Authorization.Status.PENDING,
        )
        # A challenge that was answered cannot be taken back (RFC 8555 §7.5.1): the CA is looking already.
        # The rows are held while that is looked up: the engine answers under the same lock.
        for authorization in pending.select_for_update(of=("self",)):
            answered = authorization.challenges.filter(answered_at__isnull=False).exists()
            if not answered and authorization.method != shown_by:
                authorization.choose(shown_by, now)
        AcmeOrder.objects.open().filter(issuance=issuance).wake(now)
        if reason:
            record(
                Action.METHOD_CHANGED, issuance, now=now, by=by, plan_id=issuance.plan_id, name=name,
                method=method, reason=reason,
            )  # fmt: skip
    issuance.refresh_from_db()
    ring()


def _names_held(issuance: Issuance) -> list[dict[str, object]]:
    """Return the names anew, and let nobody change them until the transaction ends. Raises NotPossible."""
    held = Issuance.objects.select_for_update(no_key=True).filter(pk=issuance.pk).only("state", "names").get()
    if held.state != Issuance.State.WANTED:
        raise NotPossible(_("This request has ended."))
    names: list[dict[str, object]] = held.names
    return names


def _stop_opening(issuance: Issuance, name: str, now: datetime) -> None:
    """Whoever works on an order that has no authorization of this name yet has read the old method: they lose the order.

    Their next write fails, and it stands before each row that they open; the next walk reads the names anew. While
    newOrder may be on its way nobody else is let in before the lease lapses, so that it is not sent twice.
    """
    orders = AcmeOrder.objects.open().filter(issuance=issuance, ended_at__isnull=True)
    known = orders.filter(
        authorizations__identifier=name.removeprefix("*."), authorizations__wildcard=name.startswith("*.")
    )
    if not known.exists():
        lease = Case(When(url__isnull=True, then=F("lease_until")), default=None)
        orders.update(epoch=F("epoch") + 1, lease_until=lease, due_at=now)


def _text(name: dict[str, object]) -> str:
    return f"*.{name['ascii']}" if name["wildcard"] else str(name["ascii"])
