"""One order with its whole story, as rows: what the staff pages show and the role table needs."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace

from accounts.models import Letter, User
from audit.record import record
from audit.vocabulary import Action
from certificates.models import (
    AcmeOrder,
    Campaign,
    Certificate,
    Inspection,
    Issuance,
    PrivateKey,
    RenewalInfo,
    Revocation,
)
from orders.models import Agreement, GatewayEvent, Order, Payment, Plan, Refund
from tests.conftest import NOW
from tests.factories import PaymentFactory, plan_for
from validation.models import Approval, Authorization, Challenge, Control, Delegation, Probe

SECRET = "SEALED-BYTES-NOBODY-MAY-SEE"
SESSION_URL = "https://pay.example/session-that-opens-something"


def whole_story(owner: User, *names: str, host: str = "shop.example") -> SimpleNamespace:
    """A paid plan whose first certificate was issued and whose reissue waits for the customer."""
    names = names or (host,)
    plan = plan_for(owner, *names)
    type(plan.activation).objects.filter(plan=plan).update(finished_at=NOW)
    order, account = plan.item.order, plan.product.ca_accounts.get()
    agreement, _created = Agreement.objects.get_or_create(
        version="1", defaults={"text": "Be kind.", "published_at": NOW}
    )
    order.accept_agreement(agreement, now=NOW, address="192.0.2.7")
    payment, refund, event = _money(order)
    first = issuance_of(plan, account, state="issued", kind="first", names=names, status="valid")
    certificate = _certificate(first, "a", payment.pk, names, since=NOW)
    old = issuance_of(plan, account, state="issued", kind="first", names=names, status="valid")
    _revoked(_certificate(old, "b", payment.pk, names, since=NOW - timedelta(days=9), state="superseded"))
    inspection = _looked_after(certificate)
    campaign = Campaign.objects.create(
        from_account=account, to_account=account, reason="The CA closes", asked_by=owner, created_at=NOW, due_at=NOW
    )  # fmt: skip
    again = issuance_of(plan, account, state="wanted", kind="reissue", names=names, status="pending")
    letter = _letter(plan, names[0])
    approval = _approved(plan, names, payment.pk)
    entry = record(Action.PLAN_OPENED, plan, now=NOW, by="fulfilment", plan_id=plan.pk, order_id=order.pk)
    return SimpleNamespace(
        plan=plan, order=order, account=account, agreement=agreement, payment=payment, refund=refund, event=event, first=first,
        again=again, issuance=again.issuance, certificate=certificate, inspection=inspection, letter=letter, entry=entry,
        key=first.issuance.key, product=plan.product, activation=plan.activation, campaign=campaign, approval=approval,
    )  # fmt: skip


def _money(order: Order) -> tuple[Payment, Refund, GatewayEvent]:
    """The order's payment, what was given back of it, and the event that told of it."""
    payment = PaymentFactory(
        order=order, state="paid", received_amount=1900, settled_at=NOW, session_url=SESSION_URL
    )
    refund = Refund.objects.create(
        payment=payment, amount=100, reason="a present", asked_by="oscar@portal.example",
        idempotency_key=f"refund-{payment.pk}", state="succeeded", created_at=NOW,
    )  # fmt: skip
    event = GatewayEvent.objects.create(
        id=f"evt_{payment.pk}", gateway="stripe", kind="checkout.session.completed", payload={"secret": SECRET},
        received_at=NOW, processed_at=NOW, outcome="settled",
    )  # fmt: skip
    return payment, refund, event


def _certificate(
    issued: SimpleNamespace, letter: str, number: int, names: tuple[str, ...], *, since: datetime, state: str = "valid"
) -> Certificate:  # fmt: skip
    """`letter` and `number` make serial number and fingerprint its own."""
    plan = issued.issuance.plan
    return Certificate.objects.create(
        issuance=issued.issuance, plan=plan, owner=plan.owner, state=state, names=list(names), leaf_pem="-----BEGIN",
        serial=f"0{letter}1b2c3d4e5f{number:04x}", issuer="CN=Test CA", fingerprint=f"{letter}{number:063x}",
        spki_sha256="0" * 64, not_before=since, not_after=since + timedelta(days=90), issued_at=since,
    )  # fmt: skip


def _revoked(certificate: Certificate) -> None:
    Revocation.objects.create(
        certificate=certificate, reason=4, asked_by=certificate.owner, asked_at=NOW, done_at=NOW,
        problem={"type": "urn:ietf:params:acme:error:unauthorized", "detail": "<script>alert('CA')</script>"},
    )  # fmt: skip


def _looked_after(certificate: Certificate) -> Inspection:
    """Its installation was tested, and its renewal is planned."""
    RenewalInfo.objects.create(
        certificate=certificate, reissue_at=NOW + timedelta(days=60), due_at=NOW + timedelta(hours=6)
    )
    name = certificate.names[0]
    return Inspection.objects.create(
        certificate=certificate,
        name=name,
        port=443,
        at=NOW,
        slug="installed",
        ok=True,
        seen={"subject": name},
    )


def _letter(plan: Plan, name: str) -> Letter:
    return Letter.objects.create(
        to=plan.owner.email, occasion=f"test:{plan.pk}", kind="certificate_issued", subject=f"Your certificate for {name}",
        body=f"https://portal.example/{SECRET}", plan_id=plan.pk, created_at=NOW, due_at=NOW, tries=2, problem="451 try later",
    )  # fmt: skip


def _approved(plan: Plan, names: tuple[str, ...], number: int) -> Approval:
    """The domain owner's approval by email."""
    return Approval.objects.create(
        owner=plan.owner, plan_id=plan.pk, domain=names[0], names=list(names), recipient=f"admin@{names[0]}",
        token_hash=f"{number:064x}", created_at=NOW, expires_at=NOW + timedelta(days=30), answer="approved",
        answered_at=NOW, good_until=NOW + timedelta(days=200),
    )  # fmt: skip


def issuance_of(plan, account, *, state: str, kind: str, names, status: str) -> SimpleNamespace:
    """An issuance, its order at the CA, and for each name an authorization with a challenge, a probe and a control."""
    created = NOW - timedelta(hours=1) if state == "issued" else NOW
    key = PrivateKey.objects.create(
        owner=plan.owner,
        key_type="ec-p256",
        spki_sha256="0" * 64,
        sealed=SECRET.encode(),
        kid="k1",
        created_at=created,
    )
    issuance = Issuance.objects.create(
        plan=plan, kind=kind, state=state, key_type="ec-p256", csr=SECRET.encode(), key=key, requested_by=plan.owner,
        created_at=created, names=[{"ascii": n.removeprefix("*."), "wildcard": n.startswith("*."), "method": "dns-01"} for n in names],
    )  # fmt: skip
    acme_order = AcmeOrder.objects.create(
        issuance=issuance, account=account, url=f"https://ca.example/order/{issuance.pk}", status=status,
        waiting_for="customer" if state == "wanted" else "", created_at=created, due_at=NOW + timedelta(minutes=5) if state == "wanted" else None,
        problem={"type": "urn:ietf:params:acme:error:dns", "detail": "<script>alert('CA')</script>", "subproblems": []},
    )  # fmt: skip
    authorizations = []
    for text in names:
        authorization = Authorization.objects.create(
            owner=plan.owner, plan_id=plan.pk, url=f"https://ca.example/authz/{issuance.pk}/{text}", identifier=text.removeprefix("*."),
            wildcard=text.startswith("*."), status="pending" if state == "wanted" else "valid", method="dns-01", created_at=created,
            due_at=NOW + timedelta(minutes=5) if state == "wanted" else None,
        )  # fmt: skip
        Challenge.objects.create(
            authorization=authorization, url="https://ca.example/chall/1", type="dns-01", token="t" * 40
        )
        Probe.objects.create(
            authorization=authorization, at=created, method="dns-01", slug="dns_nothing", in_place=False, expected="EXPECTED-VALUE",
            seen='<img src=x onerror="alert(1)">',
        )  # fmt: skip
        if state == "issued":
            Control.objects.create(
                owner=plan.owner, identifier=authorization.identifier, wildcard=authorization.wildcard, method="dns-01",
                authorization=authorization, shown_at=created, expires_at=created + timedelta(days=200),
            )  # fmt: skip
        Delegation.objects.get_or_create(
            owner=plan.owner, identifier=authorization.identifier, defaults={"zone": "dcv.portal.example", "created_at": created}
        )  # fmt: skip
        acme_order.authorizations.add(authorization)
        authorizations.append(authorization)
    return SimpleNamespace(issuance=issuance, acme_order=acme_order, authorizations=authorizations)
