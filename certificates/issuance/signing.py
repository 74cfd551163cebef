"""A ready order: the ledger is asked once more, the CSR goes to the CA, the certificate comes back (RFC 8555 §7.4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.mail import write
from audit.record import record
from audit.vocabulary import Action
from certificates.chain import Chain, UnacceptableChain, check, read_chain
from certificates.connectors.problems import OrderNotReady
from certificates.issuance import (
    chains,
    evidence,
    operators,
    pace,
    pausing,
    proving,
    sharing,
    slots,
    stopping,
    waits,
)
from certificates.issuance.problems import ours
from certificates.issuance.syncing import sync_order
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, Certificate, Issuance
from certificates.renewal.opening import open_row
from leases import LeaseLost
from leases.inserts import insert
from leases.updates import update
from validation.models import Authorization

_ENDED: dict[str, Any] = {"waiting_for": AcmeOrder.WaitingFor.NOBODY, "problem": None, "tries": 0}


def finalize(walk: Walk) -> Done | None:
    """Send the CSR, once: the intent is committed first, and whoever re-enters asks for the order before it sends again."""
    order = walk.order
    sent_before = order.finalizing_at is not None
    if sent_before or not order.finalize_url:
        sync_order(order, walk.ca.order(order.url or ""))
        if order.status != AcmeOrder.Status.READY:
            return None
    evidence.hear(walk)
    with transaction.atomic():
        lacking = prove(walk)
        intended = not lacking and _intend(walk, sent_before)
        proving.settle(_shown(walk))
    if lacking:
        return sharing.afresh_to_show(walk, lacking)
    if not intended:
        withdrawn = walk.issuance.state != Issuance.State.WANTED
        return None if withdrawn or not sent_before else stopping.stop(walk)
    try:
        facts = walk.ca.finalize(order.finalize_url, walk.csr)
    except OrderNotReady:
        facts = walk.ca.order(order.url or "")
    sync_order(order, facts)
    if order.status == AcmeOrder.Status.VALID:
        return None
    if order.status == AcmeOrder.Status.READY:
        # Told "not ready" about an order that is: ask ever more seldom.
        due = waits.at_or(facts.retry_at, walk.now, waits.retry(order.tries))
        return Done(due, tries=order.tries + 1)
    return pausing.after(walk, pace.FINALIZED, facts.retry_at, tries=0)


def _intend(walk: Walk, sent_before: bool) -> bool:
    """Write that the CSR is about to be sent; False when the request was withdrawn or the plan stopped meanwhile.

    Request and plan are held before the order, as whoever withdraws a request does.
    """
    if not stopping.still_wanted(walk):
        return False
    walk.hold(finalizing_at=walk.now, waiting_for=AcmeOrder.WaitingFor.CA)
    if not sent_before:
        walk.note(Action.CA_FINALIZED)
    return True


def prove(walk: Walk) -> list[str]:
    """Enter into the ledger what this order's own challenges have shown, then ask it about every name (design §5.1).

    Return the names that this customer has no current proof for: with any, nothing may be sent.
    """
    proving.enter(walk, _shown(walk))
    return proving.uncovered(walk) + [row.text for row in proving.unproven(walk)]


def _shown(walk: Walk) -> list[Authorization]:
    """An order is `ready` only when each of its authorizations is valid (RFC 8555 §7.1.6)."""
    open_or_valid = {Authorization.Status.PENDING, Authorization.Status.VALID}
    return [row for row in walk.authorizations() if row.status in open_or_valid]


def poll(walk: Walk) -> Done | None:
    order, tries = walk.order, walk.order.tries
    facts = walk.ca.order(order.url or "")
    sync_order(order, facts)
    done = order.status != AcmeOrder.Status.PROCESSING
    pausing.looked(walk, pace.FINALIZED, order.finalizing_at, done=done, tries=tries)
    if done:
        return None
    due = waits.next_poll(facts.retry_at, walk.now, order.tries)
    return Done(due, waiting_for=AcmeOrder.WaitingFor.CA, tries=order.tries + 1)


def download(walk: Walk) -> Done | None:
    """Fetch the chain and store it, checked against our CSR and our names, in one transaction with everything it ends."""
    order = walk.order
    if not order.certificate_url:
        facts = walk.ca.order(order.url or "")
        sync_order(order, facts)
        if order.status == AcmeOrder.Status.VALID and not order.certificate_url:
            due = waits.next_poll(facts.retry_at, walk.now, order.tries)
            return Done(due, tries=order.tries + 1)
        return None
    sent = walk.ca.certificate(order.certificate_url)
    try:
        chain = read_chain(sent.pem)
        check(chain, csr_der=walk.csr, names=walk.names, now=walk.now)
        _store_new(walk, chains.preferred(walk, chain, sent.alternates))
    except UnacceptableChain as exc:
        return operators.needs_operator(walk, ours(exc.slug, str(exc), walk.now))
    return None


def _store_new(walk: Walk, chain: Chain) -> None:
    """Store it, unless the unique indexes know it already. Raises UnacceptableChain, LeaseLost."""
    order = walk.order
    before = {name: getattr(order, name) for name in (*_ENDED, "ended_at")}
    try:
        store(walk, chain)
    except IntegrityError:
        # Nothing of it was committed.
        for name, value in before.items():
            setattr(order, name, value)
        _must_be_new(chain)
        raise


def _must_be_new(chain: Chain) -> None:
    """No CA may sign two certificates with one serial number (RFC 5280 §4.1.2.2). Raises UnacceptableChain."""
    same = Certificate.objects.filter(issuer=chain.issuer[:300], serial=chain.serial)
    if same.exists() or Certificate.objects.filter(fingerprint=chain.fingerprint).exists():
        raise UnacceptableChain(
            "duplicate_serial", _("The CA sent a certificate whose serial number is another certificate's.")
        )


def store(walk: Walk, chain: Chain) -> Certificate:
    """Everything that "issued" means, or none of it. Raises LeaseLost."""
    order, issuance, plan, now = walk.order, walk.issuance, walk.issuance.plan, walk.now
    with transaction.atomic():
        order.write(**_ENDED, ended_at=now)
        wanted = {"pk": issuance.pk, "state": Issuance.State.WANTED}
        if update(Issuance, wanted, state=Issuance.State.ISSUED, ended_at=now, problem=None) != 1:
            raise LeaseLost(f"issuance {issuance.pk} has ended")
        former = {"plan": plan, "state": Certificate.State.VALID}
        update(Certificate, former, state=Certificate.State.SUPERSEDED)
        certificate = _keep(walk, chain, now)
        open_row(certificate, now)
        slots.count_certificate(walk, now)
        plan.activate()
        record(
            Action.CERTIFICATE_ISSUED,
            certificate,
            now=now,
            by="issuance",
            plan_id=plan.pk,
            serial=certificate.serial,
            until=certificate.not_after.isoformat(),
        )
        write(
            "certificate_issued",
            to=plan.owner.email,
            occasion=f"issued:{issuance.pk}",
            now=now,
            context={"certificate": certificate, "plan": plan, "names": issuance.texts},
            plan_id=plan.pk,
        )
    issuance.state = Issuance.State.ISSUED
    return certificate


def _keep(walk: Walk, chain: Chain, now: datetime) -> Certificate:
    issuance, plan = walk.issuance, walk.issuance.plan
    return insert(
        Certificate,
        issuance=issuance,
        plan=plan,
        owner_id=plan.owner_id,
        names=issuance.texts,
        leaf_pem=chain.leaf_pem,
        chain_pem=chain.chain_pem,
        serial=chain.serial,
        issuer=chain.issuer[:300],
        fingerprint=chain.fingerprint,
        spki_sha256=chain.spki_sha256,
        not_before=chain.not_before,
        not_after=chain.not_after,
        issued_at=now,
        account=walk.order.account,
    )
