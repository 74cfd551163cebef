"""Builders of rows, one per noun, with sound defaults."""

from __future__ import annotations

from datetime import datetime, timedelta

import factory
from django.apps import apps
from django.contrib.auth.models import Group

from accounts.groups import grant
from accounts.models import User
from certificates import keys, vault
from certificates.chain import read_chain
from certificates.models import (
    AcmeOrder,
    Activation,
    ActivationName,
    CaAccount,
    Certificate,
    Issuance,
    ProductIssuer,
)
from orders.models import Order, OrderItem, OrderName, Payment, Plan, Price, Product
from tests.certificates import samples
from tests.conftest import NOW

PASSWORD = "correct horse battery staple"


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    password = factory.PostGenerationMethodCall("set_unusable_password")

    @classmethod
    def _after_postgeneration(cls, instance, create, results=None):
        if create:
            instance.save()


def staff(email: str, group: str) -> User:
    if not Group.objects.filter(name=group).exists():
        grant(apps)  # a test that flushes the database takes the groups of the migration with it
    user = UserFactory(email=email, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


class ProductFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Product

    slug = factory.Sequence(lambda n: f"dv-{n}")
    title = "DV"
    summary = "One name, minutes to issue."
    level = "dv"


class PriceFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Price

    product = factory.SubFactory(ProductFactory)
    years = 1
    currency = "EUR"
    amount = 1900
    extra_name_amount = 900
    extra_wildcard_amount = 4900


class OrderFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Order

    owner = factory.SubFactory(UserFactory)
    currency = "EUR"
    total = 1900
    created_at = NOW


class OrderItemFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OrderItem

    order = factory.SubFactory(OrderFactory)
    product = factory.SubFactory(ProductFactory)
    years = 1
    amount = 1900


class OrderNameFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OrderName

    item = factory.SubFactory(OrderItemFactory)
    ascii = "shop.example"
    wildcard = False


class PaymentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Payment

    order = factory.SubFactory(OrderFactory, state="awaiting_payment")
    attempt = 1
    gateway = "stripe"
    state = "open"
    idempotency_key = factory.Sequence(lambda n: f"key-{n}")
    session_id = factory.Sequence(lambda n: f"cs_test_{n}")
    amount = 1900
    currency = "EUR"
    created_at = NOW
    expires_at = NOW + timedelta(hours=1)


class PlanFactory(factory.django.DjangoModelFactory):
    """An open, paid plan for `names` ("shop.example", "*.shop.example")."""

    class Meta:
        model = Plan
        skip_postgeneration_save = True

    class Params:
        names = ["shop.example"]

    owner = factory.SubFactory(UserFactory)
    product = factory.SubFactory(ProductFactory)
    item = factory.SubFactory(
        OrderItemFactory,
        product=factory.SelfAttribute("..product"),
        order=factory.SubFactory(
            OrderFactory, owner=factory.SelfAttribute("...owner"), state="paid", paid_at=NOW
        ),
    )
    single_names = factory.LazyAttribute(lambda o: sum(not n.startswith("*.") for n in o.names))
    wildcard_names = factory.LazyAttribute(lambda o: sum(n.startswith("*.") for n in o.names))
    years = 1
    starts_at = NOW
    ends_at = NOW + timedelta(days=365)

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        return super()._create(model_class, *args, **kwargs)

    @factory.post_generation
    def order_names(self, create, extracted, **kwargs):
        for position, text in enumerate(extracted or []):
            OrderNameFactory(
                item=self.item,
                ascii=text.removeprefix("*."),
                wildcard=text.startswith("*."),
                position=position,
            )


class CaAccountFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = CaAccount

    name = factory.Sequence(lambda n: f"Test CA {n}")
    directory_url = "https://127.0.0.1:14000/dir"
    caa_identities = ["ca.example"]


class ProductIssuerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ProductIssuer

    product = factory.SubFactory(ProductFactory)
    account = factory.SubFactory(CaAccountFactory)


def plan_for(owner: User, *names: str, method: str = "dns-01", account: CaAccount | None = None) -> Plan:
    """A paid plan with its activation filled in for `names`, a product and a CA account that can fulfil it."""
    names = names or ("shop.example",)
    product = ProductFactory(wildcard=names[0].startswith("*."))
    if account is None:
        account = CaAccountFactory()
    ProductIssuerFactory(product=product, account=account)
    plan = PlanFactory(owner=owner, product=product, names=list(names), order_names=list(names))
    activation = Activation.objects.create(
        plan=plan,
        csr_source="generated",
        key_type="ec-p256",
        csr_done_at=NOW,
        contacts_done_at=NOW,
        methods_done_at=NOW,
        admin_name="Alice Archer",
        admin_email="alice@example.org",
        common_name=names[0],
    )
    for position, text in enumerate(names):
        ActivationName.objects.create(
            activation=activation,
            ascii=text.removeprefix("*."),
            wildcard=text.startswith("*."),
            method=method,
            position=position,
        )
    return plan


def certificate_for(
    plan: Plan,
    *,
    names: list[str] | None = None,
    issued_at: datetime = NOW,
    days: int = 90,
    state: str = "valid",
    installed_at: datetime | None = None,
    key: str = "held",
    kind: str = "first",
) -> Certificate:
    """A certificate by the little CA of samples.py for `names` (else the activation's), and the issuance behind it.

    `key` is "held" (in the vault), "destroyed", or "pasted" (the customer's own: we never had it).
    """
    names = names or [name.text for name in plan.activation.names.all()]
    own = (
        samples.key_of(plan.activation.key_type)
        if key == "pasted"
        else keys.generate(plan.activation.key_type)
    )
    held = (
        None
        if key == "pasted"
        else vault.keep(own, owner=plan.owner, key_type=plan.activation.key_type, now=issued_at)
    )
    if held is not None and key == "destroyed":
        held.destroy(issued_at)
        held.refresh_from_db()
    issuance = Issuance.objects.create(
        plan=plan, kind=kind, state="issued", key=held, key_type="" if key == "pasted" else plan.activation.key_type,
        names=[{"ascii": n.removeprefix("*."), "wildcard": n.startswith("*."), "method": "dns-01"} for n in names],
        csr=samples.csr(names, common=None, key=own), requested_by=plan.owner, created_at=issued_at, ended_at=issued_at,
    )  # fmt: skip
    AcmeOrder.objects.create(
        issuance=issuance, account=CaAccount.objects.for_product(plan.product).first() or CaAccountFactory(),
        url=f"https://ca.example/order/{issuance.pk}", status="valid", waiting_for="", created_at=issued_at,
        answered_at=issued_at, finalizing_at=issued_at, ended_at=issued_at,
    )  # fmt: skip
    _root, intermediate = samples.hierarchy()
    chain = read_chain(samples.pem_of(samples.leaf(
        intermediate, names, key=own, not_before=issued_at - timedelta(hours=1), not_after=issued_at + timedelta(days=days)
    ), intermediate))  # fmt: skip
    certificate = Certificate.objects.create(
        issuance=issuance, plan=plan, owner=plan.owner, state=state, names=names, leaf_pem=chain.leaf_pem,
        chain_pem=chain.chain_pem, serial=chain.serial, issuer=chain.issuer, fingerprint=chain.fingerprint,
        spki_sha256=chain.spki_sha256, not_before=chain.not_before, not_after=chain.not_after, issued_at=issued_at,
        installed_at=installed_at,
    )  # fmt: skip
    plan.activation.finished_at = issued_at
    plan.activation.csr_source = "pasted" if key == "pasted" else "generated"
    plan.activation.save(update_fields=["finished_at", "csr_source"])
    plan.activate()
    return certificate


def issuance_for(plan: Plan, *, created_at: datetime = NOW, kind: str = "first", **order: object) -> Issuance:
    """A wanted issuance with one ACME order; `order` are the order's columns (status, url, waiting_for ...)."""
    names = [
        {"ascii": n.ascii, "wildcard": n.wildcard, "method": n.method} for n in plan.activation.names.all()
    ]
    issuance = Issuance.objects.create(
        plan=plan,
        kind=kind,
        names=names,
        key_type=plan.activation.key_type,
        requested_by=plan.owner,
        created_at=created_at,
    )
    account = CaAccount.objects.for_product(plan.product).first() or CaAccountFactory()
    AcmeOrder.objects.create(issuance=issuance, account=account, created_at=created_at, **order)
    plan.activation.finished_at = created_at
    plan.activation.save(update_fields=["finished_at"])
    return issuance
