"""One account per customer: the house's account is only the pattern, each customer's orders go through their own."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates.issuance import operators
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import AcmeOrder, CaAccount

# What a customer's account has from its pattern, for lists and queries; the connection reads the pattern itself.
HANDED_DOWN = (
    "connector",
    "directory_url",
    "roots_pem",
    "contact",
    "terms_agreed_at",
    "terms_url",
    "terms_offered",
    "caa_identities",
    "profile",
    "profiles",
    "has_renewal_info",
    "preferred_root",
    "offers_persist",
    "email_mode",
    "publicly_trusted",
)
LONGEST_NAME = 80


def is_due(order: AcmeOrder) -> bool:
    """True if the order still stands at the pattern, and nothing of it was sent."""
    at_pattern = order.account.per_customer and order.account.parent_id is None
    return at_pattern and order.url is None and order.intent_at is None


def move_to_customers_account(walk: Walk) -> Done | None:
    """Let the order go through its customer's own account, made here if it is their first."""
    order = walk.order
    if not can_open_several(order.account):
        text = _(
            "This CA account's external account binding opens one account only, so there cannot be one per customer."
        )
        return operators.needs_operator(walk, ours("single_use_binding", text, walk.now))
    with transaction.atomic():
        child = account_for(order.account, walk.owner, walk.now)
        order.write(account=child)
    order.account = child
    walk.connector = None
    return None


def can_open_several(house: CaAccount) -> bool:
    """False where the CA's binding would be spent by the first of the customers."""
    return not house.eab_kid or house.eab_reusable


def account_for(house: CaAccount, customer: User, now: datetime) -> CaAccount:
    """Return the customer's account under this pattern, made if need be. Safe against two workers at once."""
    known = CaAccount.objects.filter(parent=house, customer=customer).first()
    for digits in (8, 13, 36):
        if known is not None:
            break
        try:
            with transaction.atomic():
                known = _made(house, customer, name_for(house, customer, digits), now)
        except IntegrityError:
            # Another worker has made it, or another customer's begins with the same letters.
            known = CaAccount.objects.filter(parent=house, customer=customer).first()
    if known is None:
        raise RuntimeError(f"no name is free for an account of {customer.pk} under {house.pk}")
    known.parent = house
    return known


def name_for(house: CaAccount, customer: User, digits: int) -> str:
    tail = f" · {str(customer.pk)[:digits]}"
    return house.name[: LONGEST_NAME - len(tail)] + tail


def _made(house: CaAccount, customer: User, name: str, now: datetime) -> CaAccount:
    """Its key is made when it first connects. Not shared: what one customer has shown, no other can inherit."""
    child = CaAccount.objects.create(
        parent=house,
        customer=customer,
        name=name,
        shared=False,
        **{field: getattr(house, field) for field in HANDED_DOWN},
    )
    record(Action.CA_ACCOUNT_FOR_CUSTOMER, child, now=now, by="issuance", pattern=house.name)
    return child


def hand_down(house: CaAccount) -> int:
    """Let the customers' accounts follow their pattern; return how many there are."""
    children = CaAccount.objects.filter(parent=house)
    return children.update(**{field: getattr(house, field) for field in HANDED_DOWN})
