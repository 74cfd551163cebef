"""One order's story in one process: the page to pay at, the event, the plan, the wizard, the certificate, the mails."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime, timedelta
from typing import Any

import requests
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import close_old_connections, transaction
from django.test import RequestFactory
from django.utils import timezone

from accounts.models import Letter
from certificates import issuance, keys, vault
from certificates.models import (
    AcmeOrder,
    Activation,
    ActivationName,
    CaAccount,
    Certificate,
    Issuance,
    PrivateKey,
)
from leases.rows import LEASE
from orders import checkout
from orders.models import GatewayEvent, Order, OrderName, Payment, Plan
from orders.webhook import stripe_webhook
from portal import sweeping
from tests.chaos.points import DOOR
from tests.factories import (
    CaAccountFactory,
    OrderFactory,
    OrderItemFactory,
    PriceFactory,
    ProductFactory,
    ProductIssuerFactory,
    UserFactory,
)
from tests.orders.fake_gateway import event, signed
from validation.models import Authorization

log = logging.getLogger(__name__)

LONGEST_REST = 0.5
# What the story is made of; a new certificate's renewal is another one.
STORY = {AcmeOrder, Authorization, GatewayEvent, Letter}


def begin(
    label: str, names: list[str], ca: dict[str, str], account_id: int | None = None, like: str | None = None
) -> str:
    """Somebody, or whoever ordered `like`, has filled a basket and pressed Confirm; return the order's key."""
    now = timezone.now()
    account = CaAccount.objects.get(pk=account_id) if account_id else CaAccountFactory(
        name=f"CA of {label}", directory_url=ca["directory_url"], roots_pem=ca["roots_pem"], terms_agreed_at=now
    )  # fmt: skip
    product = ProductFactory(slug=f"dv-{label}")
    PriceFactory(product=product)
    ProductIssuerFactory(product=product, account=account)
    if like:
        owner = Order.objects.select_related("owner").get(pk=like).owner
    else:
        owner = UserFactory(email=f"{label}@example.org")
        EmailAddress.objects.create(user=owner, email=owner.email, verified=True, primary=True)
    order = OrderFactory(owner=owner, state="awaiting_payment", created_at=now)
    item = OrderItemFactory(order=order, product=product)
    for position, name in enumerate(names):
        OrderName.objects.create(item=item, ascii=name, wildcard=False, position=position)
    return str(order.pk)


class Story:
    """What one order needs next, told by the rows alone, so that any process can take it up."""

    def __init__(self, order_id: str) -> None:
        self.order_id = order_id

    @property
    def plan(self) -> Plan | None:
        return Plan.objects.filter(item__order_id=self.order_id).first()

    def over(self) -> bool:
        wanted = Issuance.objects.filter(plan__item__order_id=self.order_id).first()
        if wanted is None or wanted.state == Issuance.State.WANTED:
            return False
        busy = AcmeOrder.objects.filter(issuance=wanted, due_at__isnull=False).exists()
        events = GatewayEvent.objects.filter(due_at__isnull=False).exists()
        return not busy and not events and not Letter.objects.filter(due_at__isnull=False).exists()

    def step(self) -> None:
        """What customer, gateway and worker do next."""
        plan = self.plan
        if plan is None:
            self.pay()
        elif not hasattr(plan, "activation"):
            fill_in(plan)
        elif not plan.issuances.exists():
            issuance.request(plan, by=plan.owner, now=timezone.now())
        sweeping.sweep()

    def pay(self) -> None:
        order = Order.objects.select_related("owner").get(pk=self.order_id)
        payment = order.payments.exclude(state=Payment.State.CREATED).first()
        if payment is None:
            payment = checkout.start_payment(order, by=order.owner, now=timezone.now())
        if payment.state == Payment.State.OPEN:
            requests.post(
                f"{settings.STRIPE_API_BASE}/v1/test/pay/{payment.session_id}", timeout=10
            ).raise_for_status()
            deliver(str(payment.session_id))


def deliver(session_id: str) -> None:
    """The gateway rings at our door; it does so again until it is answered."""
    document = event("checkout.session.completed", {"id": session_id}, f"evt_{session_id}")
    body, signature = signed(document)
    request = RequestFactory().post(
        "/webhooks/stripe/", body, content_type="application/json", headers={"Stripe-Signature": signature}
    )
    answer = stripe_webhook(request)
    if answer.status_code != 200:
        raise RuntimeError(f"the webhook answered {answer.status_code}")


def fill_in(plan: Plan) -> None:
    """The customer's typing in steps 1 to 3 of the wizard: no part of the walk, so no crash point."""
    now, was_open = timezone.now(), DOOR.open
    DOOR.open = False
    with transaction.atomic():
        names = [name.ascii for name in plan.item.names.all()]
        activation, created = Activation.objects.get_or_create(
            plan=plan,
            defaults={
                "csr_source": "generated", "key_type": "ec-p256", "common_name": names[0], "csr_done_at": now,
                "contacts_done_at": now, "methods_done_at": now, "admin_email": plan.owner.email,
                "admin_name": "Alice Archer", "automatic": False,
            },
        )  # fmt: skip
        if created:
            ActivationName.objects.bulk_create(
                ActivationName(activation=activation, ascii=name, method="dns-01", position=position)
                for position, name in enumerate(names)
            )
    DOOR.open = was_open


def work(story: Story, patience: float) -> bool:
    """Work like a web process and a sweeper in one until the story is over; False when patience has run out.

    After a fault that did not end the process, it goes on only with what is due at once.
    """
    end = time.monotonic() + patience
    while time.monotonic() < end:
        close_old_connections()
        try:
            story.step()
            if story.over():
                return True
            due = sweeping.next_due()
        except Exception:
            log.exception("the step failed")
            due = None
        rest = LONGEST_REST if due is None else (due - timezone.now()).total_seconds()
        if DOOR.struck and DOOR.kind in {"lost", "exception"} and rest >= LONGEST_REST:
            return False
        time.sleep(min(LONGEST_REST, max(0.01, rest)))
    return False


def let_leases_lapse(*, hurry: bool) -> float:
    """What takes a minute and a half otherwise; with `hurry`, rows that were put back after a fault come due as well.

    Return for how long the story would have stood still without this, in seconds.
    """
    now = timezone.now()
    longest = max([moment - now for moment in next_moments(hurry=hurry)], default=timedelta(0))
    for rows, _work in sweeping.QUEUES.values():
        rows.filter(lease_until__isnull=False).update(lease_until=now - timedelta(seconds=1))
        if hurry:
            rows.filter(due_at__gt=now).update(due_at=now)
    if hurry:
        for order in AcmeOrder.objects.filter(problem__retry_at__isnull=False, due_at__isnull=False):
            AcmeOrder.objects.filter(pk=order.pk).update(
                problem=order.problem | {"retry_at": now.isoformat()}
            )
    return longest.total_seconds()


def next_moments(*, hurry: bool) -> list[datetime]:
    """When each row of the story is looked at next: after its lease, and with `hurry` at its own time if that is later."""
    moments = []
    for rows, _work in sweeping.QUEUES.values():
        for row in rows.filter(due_at__isnull=False):
            # Somebody else acts next: the customer at the page, the lookout for the order that waits for its names.
            others_turn = isinstance(row, Payment) or (
                isinstance(row, AcmeOrder)
                and row.waiting_for == AcmeOrder.WaitingFor.CUSTOMER
                and row.authorizations.filter(due_at__isnull=False).exists()
            )
            if row.lease_until is not None:
                moments.append(row.lease_until)
            if hurry and not others_turn and type(row) in STORY:
                moments.append(row.due_at)
    return moments


def facts(story: Story) -> dict[str, Any]:
    """What the rows say in the end; the CA, the gateway and the mailbox are asked elsewhere."""
    wanted = list(Issuance.objects.filter(plan__item__order_id=story.order_id).select_related("key"))
    certificates = list(
        Certificate.objects.filter(plan__item__order_id=story.order_id).select_related("issuance__key")
    )
    orders = AcmeOrder.objects.filter(issuance__plan__item__order_id=story.order_id)
    letters = Letter.objects.filter(plan_id__in=[one.plan_id for one in wanted])
    payments = Payment.objects.filter(order_id=story.order_id)
    owner = Order.objects.get(pk=story.order_id).owner
    pending = Authorization.objects.filter(acme_orders__in=orders, due_at__isnull=False)
    return {
        "plans": Plan.objects.filter(item__order_id=story.order_id).count(),
        "payments": payments.filter(state="paid").count(),
        "odd payments": payments.exclude(state="paid").count(),
        "issuances": len(wanted),
        "issued": sum(one.state == "issued" for one in wanted),
        "certificates": len(certificates),
        "keys": PrivateKey.objects.filter(owner=owner).count(),
        "keys fit": sum(_key_fits(certificate) for certificate in certificates),
        "valid orders": orders.filter(status="valid", ended_at__isnull=False).count(),
        "urls": [url for url in orders.values_list("url", flat=True) if url],
        "letters": letters.filter(kind="certificate_issued", sent_at__isnull=False).count(),
        "waiting": orders.filter(due_at__isnull=False).count() + pending.count(),
        "story": json.loads(json.dumps(list(
            orders.values("attempt", "status", "waiting_for", "problem", "due_at", "lease_until", "epoch")
        ), default=str)),
    }  # fmt: skip


def _key_fits(certificate: Certificate) -> bool:
    row = certificate.issuance.key
    if row is None:
        return False
    return keys.spki_sha256(keys.load_own(vault.open_key(row)).public_key()) == certificate.spki_sha256


__all__ = ["LEASE", "Story", "begin", "deliver", "facts", "fill_in", "let_leases_lapse", "work"]
