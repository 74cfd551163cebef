"""`python -m benchmarks.fill N`: fills a sandbox with N issued certificates; prints who to sign in as, as JSON.

Run it with the environment of an installation. The rows are those that the walk leaves behind, made in bulk.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from datetime import timedelta
from typing import Any

import django

PER_CUSTOMER = 100


def fill(count: int) -> dict[str, Any]:
    from allauth.account.models import EmailAddress
    from django.conf import settings
    from django.utils import timezone

    from accounts.models import User

    now = timezone.now()
    shelf = Shelf(now, _sample(now))
    people = [
        User(id=uuid.uuid4(), email=f"bench{n}@example.org") for n in range(max(1, count // PER_CUSTOMER))
    ]
    User.objects.bulk_create(people)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=p, email=p.email, verified=True, primary=True) for p in people
    )
    plans: list[Any] = []
    for number, person in enumerate(people):
        plans.append(_plans_of(person, number, min(PER_CUSTOMER, count), shelf))

    admin = User.objects.get(email="admin@portal.example")
    last = plans[-1]
    return {
        "cookie": settings.SESSION_COOKIE_NAME,
        "customer": session_of(people[-1]),
        "staff": session_of(admin),
        "plan": str(last["plan"].pk),
        "certificate": str(last["certificate"].pk),
        "order": str(last["plan"].item.order_id),
    }


def session_of(user: Any) -> str:
    """Sign the person in; return the session's key."""
    from django.contrib.sessions.backends.db import SessionStore
    from django.utils import timezone

    store = SessionStore()
    store["_auth_user_id"] = str(user.pk)
    store["_auth_user_backend"] = "accounts.backends.ByName"
    store["_auth_user_hash"] = user.get_session_auth_hash()
    store["account_authentication_methods"] = [
        {"method": "password", "at": timezone.now().timestamp(), "email": user.email}
    ]
    store.save()
    return str(store.session_key)


def _sample(now: Any) -> dict[str, str]:
    """Return one real self-signed certificate whose text all rows share; only the numbers differ."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    from certificates import keys

    key = keys.generate("ec-p256")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench.example")])
    leaf = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=89))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bench.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return {"pem": leaf.public_bytes(serialization.Encoding.PEM).decode()}


class Shelf:
    """What all rows of a filling share: the product, the CA account, the time and the text of the certificate."""

    def __init__(self, now: Any, sample: dict[str, str]) -> None:
        from certificates.models import CaAccount
        from orders.models import Product

        self.now, self.pem = now, sample["pem"]
        self.product, self.account = Product.objects.get(slug="dv"), CaAccount.objects.get()


def _plans_of(person: Any, number: int, count: int, shelf: Shelf) -> dict[str, Any]:
    at = [shelf.now - timedelta(minutes=n) for n in range(count)]
    names = [f"site{n}.customer{number}.example" for n in range(count)]
    items = _paid(person, at, names, shelf)
    plans = _opened(person, items, at, shelf)
    _configured(plans, names, shelf)
    issuances = _asked(plans, names, at, shelf)
    certificates = _issued(person, issuances, names, at, shelf)
    _remembered(plans, shelf)
    return {"plan": plans[-1], "certificate": certificates[-1]}


def _paid(person: Any, at: list[Any], names: list[str], shelf: Shelf) -> list[Any]:
    from orders.models import Order, OrderItem, OrderName, Payment

    orders = [
        Order(owner=person, state="paid", currency="EUR", total=1900, created_at=t, paid_at=t, purchaser_name="Bench")
        for t in at
    ]  # fmt: skip
    Order.objects.bulk_create(orders)
    Payment.objects.bulk_create(
        Payment(
            order=o, attempt=1, gateway="stripe", state="paid", idempotency_key=uuid.uuid4().hex, amount=1900, currency="EUR",
            created_at=shelf.now, expires_at=shelf.now, settled_at=shelf.now,
        )
        for o in orders
    )  # fmt: skip
    items = OrderItem.objects.bulk_create(
        OrderItem(order=o, product=shelf.product, years=1, amount=1900) for o in orders
    )
    OrderName.objects.bulk_create(OrderName(item=i, ascii=n) for i, n in zip(items, names, strict=True))
    return items


def _opened(person: Any, items: list[Any], at: list[Any], shelf: Shelf) -> list[Any]:
    from orders.models import Plan

    plans = [
        Plan(
            item=i, owner=person, product=shelf.product, state="active", single_names=1, wildcard_names=0, years=1,
            starts_at=t, ends_at=t + timedelta(days=365),
        )
        for i, t in zip(items, at, strict=True)
    ]  # fmt: skip
    return Plan.objects.bulk_create(plans)


def _configured(plans: list[Any], names: list[str], shelf: Shelf) -> None:
    from certificates.models import Activation, ActivationName

    now = shelf.now
    activations = Activation.objects.bulk_create(
        Activation(
            plan=p, csr_source="generated", csr_done_at=now, contacts_done_at=now, methods_done_at=now, finished_at=now
        )
        for p in plans
    )  # fmt: skip
    ActivationName.objects.bulk_create(
        ActivationName(activation=a, ascii=n, method="dns-01")
        for a, n in zip(activations, names, strict=True)
    )


def _asked(plans: list[Any], names: list[str], at: list[Any], shelf: Shelf) -> list[Any]:
    from certificates.models import AcmeOrder, Issuance

    issuances = [
        Issuance(
            plan=p, state="issued", names=[{"ascii": n, "wildcard": False, "method": "dns-01"}], key_type="ec-p256", csr=b"0",
            created_at=t, ended_at=t,
        )
        for p, n, t in zip(plans, names, at, strict=True)
    ]  # fmt: skip
    Issuance.objects.bulk_create(issuances)
    now = shelf.now
    AcmeOrder.objects.bulk_create(
        AcmeOrder(
            issuance=i, owner_id=i.plan.owner_id, account=shelf.account, url=f"https://ca.example/{i.pk}",
            status="valid", waiting_for="",
            created_at=now, answered_at=now, finalizing_at=now, ended_at=now,
        )
        for i in issuances
    )  # fmt: skip
    return issuances


def _issued(person: Any, issuances: list[Any], names: list[str], at: list[Any], shelf: Shelf) -> list[Any]:
    from certificates.models import Certificate

    begin, end = shelf.now - timedelta(days=1), shelf.now + timedelta(days=89)
    certificates = [
        Certificate(
            issuance=i, plan=i.plan, owner=person, names=[n], leaf_pem=shelf.pem, serial=uuid.uuid4().hex, issuer="CN=Bench",
            fingerprint=uuid.uuid4().hex * 2, spki_sha256=uuid.uuid4().hex * 2, not_before=begin, not_after=end, issued_at=t,
        )
        for i, n, t in zip(issuances, names, at, strict=True)
    ]  # fmt: skip
    return Certificate.objects.bulk_create(certificates)


def _remembered(plans: list[Any], shelf: Shelf) -> None:
    from audit.models import Entry

    Entry.objects.bulk_create(
        Entry(
            at=shelf.now, action=action, actor="bench", object_kind="plan", object_id=str(p.pk), plan_id=p.pk
        )
        for p in plans
        for action in ("plan:opened", "issuance:requested", "certificate:issued")
    )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    sys.stdout.write(json.dumps(fill(int(sys.argv[1]))) + "\n")
