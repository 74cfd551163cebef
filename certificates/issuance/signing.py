"""A ready order: the ledger is asked once more, the CSR goes to the CA, the certificate comes back (RFC 8555 §7.4)."""

from __future__ import annotations

from django.db import transaction

from accounts.mail import write
from audit.record import record
from audit.vocabulary import Action
from certificates.chain import Chain, UnacceptableChain, check, read_chain
from certificates.connectors.problems import OrderNotReady
from certificates.issuance import closing, waits
from certificates.issuance.problems import ours
from certificates.issuance.syncing import sync_order
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, Certificate, Issuance
from validation import ledger
from validation.models import Authorization


def finalize(walk: Walk) -> Done | None:
    """Send the CSR, once: the intent is committed first, and whoever re-enters asks for the order before it sends again."""
    order = walk.order
    if order.finalizing_at is not None:
        sync_order(order, walk.ca.order(order.url or ""))
        if order.status != AcmeOrder.Status.READY:
            return None
    done = prove(walk)
    if done is not None:
        return done
    with transaction.atomic():
        order.write(finalizing_at=walk.now, waiting_for=AcmeOrder.WaitingFor.CA)
        walk.note(Action.CA_FINALIZED)
    walk.hold()
    try:
        facts = walk.ca.finalize(order.finalize_url, walk.csr)
    except OrderNotReady:
        facts = walk.ca.order(order.url or "")
    sync_order(order, facts)
    if order.status == AcmeOrder.Status.VALID:
        return None
    return Done(waits.at_or(facts.retry_at, walk.now, waits.AFTER_FINALIZE), tries=0)


def prove(walk: Walk) -> Done | None:
    """Enter into the ledger what this order's own challenges have shown, then ask it about every name (design §5.1)."""
    now = walk.now
    for row in walk.authorizations():
        answered = any(challenge.answered_at for challenge in row.challenges.all())
        if answered and row.status in {Authorization.Status.PENDING, Authorization.Status.VALID}:
            # An order is `ready` only when each of its authorizations is valid (RFC 8555 §7.1.6).
            ledger.record_control(
                owner=walk.owner,
                identifier=row.identifier,
                wildcard=row.wildcard,
                method=row.method,
                authorization=row,
                now=now,
            )
            Authorization.objects.filter(pk=row.pk).update(status=Authorization.Status.VALID, due_at=None)
    walk.forget()
    missing = [
        row
        for row in walk.authorizations()
        if not ledger.has_control(walk.owner, row.identifier, row.wildcard, now)
    ]
    covered = {(row.identifier, row.wildcard) for row in walk.authorizations()}
    uncovered = [name.text for name in walk.names if (name.ascii, name.wildcard) not in covered]
    if not missing and not uncovered:
        return None
    for row in missing:
        walk.ca.deactivate_authorization(row.url)
    names = uncovered + [row.text for row in missing]
    return closing.start_afresh(
        walk, ours("control_missing", "No current proof for " + ", ".join(names), now)
    )


def poll(walk: Walk) -> Done | None:
    order = walk.order
    facts = walk.ca.order(order.url or "")
    sync_order(order, facts)
    if order.status != AcmeOrder.Status.PROCESSING:
        return None
    due = waits.at_or(facts.retry_at, walk.now, waits.poll(order.tries))
    return Done(due, waiting_for=AcmeOrder.WaitingFor.CA, tries=order.tries + 1)


def download(walk: Walk) -> Done | None:
    """Fetch the chain and store it, checked against our CSR and our names, in one transaction with everything it ends."""
    order = walk.order
    if not order.certificate_url:
        sync_order(order, walk.ca.order(order.url or ""))
        if not order.certificate_url:
            return Done(walk.now + waits.poll(order.tries), tries=order.tries + 1)
    sent = walk.ca.certificate(order.certificate_url)
    try:
        chain = read_chain(sent.pem)
        check(chain, csr_der=walk.csr, names=walk.names, now=walk.now)
    except UnacceptableChain as exc:
        problem = ours(exc.slug, str(exc), walk.now)
        walk.note(Action.CA_PROBLEM, problem=problem)
        return Done(walk.now + waits.OPERATOR, waiting_for=AcmeOrder.WaitingFor.OPERATOR, problem=problem)
    store(walk, chain)
    return None


def store(walk: Walk, chain: Chain) -> Certificate:
    """Everything that "issued" means, or none of it. Raises LeaseLost."""
    order, issuance, plan, now = walk.order, walk.issuance, walk.issuance.plan, walk.now
    with transaction.atomic():
        order.write(waiting_for=AcmeOrder.WaitingFor.NOBODY, ended_at=now, problem=None, tries=0)
        plan.certificates.filter(state=Certificate.State.VALID).update(state=Certificate.State.SUPERSEDED)
        certificate = Certificate.objects.create(
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
        )
        Issuance.objects.filter(pk=issuance.pk).update(
            state=Issuance.State.ISSUED, ended_at=now, problem=None
        )
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
