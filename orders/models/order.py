"""What was put in the basket, by whom, and where its money stands."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models.agreement import Agreement
from orders.models.product import Product

if TYPE_CHECKING:
    from accounts.models import User

NUMBER_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is misread over the telephone


def new_number() -> str:
    """Return an order number such as 7K3M-Q9XA: 40 bits, short enough to say aloud."""
    letters = "".join(secrets.choice(NUMBER_ALPHABET) for _position in range(8))
    return f"{letters[:4]}-{letters[4:]}"


class IllegalMove(Exception):
    """The row is not in a state from which this verb may be said; nothing was changed."""


class OrderQuerySet(models.QuerySet["Order"]):
    def of(self, user: User) -> Self:
        """Return the orders that exist for this person; a stranger's order does not."""
        return self.filter(owner=user)

    def with_lines(self) -> Self:
        return self.prefetch_related("items__product", "items__names")

    def ownerless_drafts(self, before: datetime) -> Self:
        """Return baskets that nobody signed in for, begun before this moment."""
        return self.filter(owner__isnull=True, state=Order.State.DRAFT, created_at__lt=before)


class Order(models.Model):
    """A draft may have no owner yet: it then belongs to the browser session that holds its id."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")  # customer has next action
        AWAITING_PAYMENT = "awaiting_payment", _("Awaiting payment")  # customer has next action
        PAID = "paid", _("Paid")  # nobody: its plans go on
        CANCELLED = "cancelled", _("Cancelled")
        REFUNDED = "refunded", _("Refunded")
        PARTIALLY_REFUNDED = "partially_refunded", _("Partially refunded")
        DISPUTED = "disputed", _("Disputed")  # operator has next action

    MOVES: dict[str, set[str]] = {
        "draft": {"awaiting_payment", "cancelled"},
        "awaiting_payment": {"paid", "cancelled", "draft"},
        # The gateway may still report money for an order that was given up in another window.
        "cancelled": {"paid"},
        "paid": {"refunded", "partially_refunded", "disputed"},
        "partially_refunded": {"refunded", "partially_refunded", "disputed", "paid"},
        "disputed": {"paid", "refunded", "partially_refunded"},
        # A bank may send a refund back weeks later.
        "refunded": {"paid", "partially_refunded", "disputed"},
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(_("number"), max_length=9, unique=True, default=new_number, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="orders",
        verbose_name=_("owner"),
        db_index=False,
    )
    state = models.CharField(_("state"), max_length=20, choices=State.choices, default=State.DRAFT)
    currency = models.CharField(_("currency"), max_length=3)
    total = models.PositiveIntegerField(_("total"), default=0, help_text=_("Minor units."))
    created_at = models.DateTimeField(_("created"))
    paid_at = models.DateTimeField(_("paid"), null=True, editable=False)

    purchaser_name = models.CharField(_("full name"), max_length=120, blank=True)
    purchaser_email = models.EmailField(_("email address"), max_length=254, blank=True)
    purchaser_company = models.CharField(_("company"), max_length=120, blank=True)
    purchaser_phone = models.CharField(_("telephone"), max_length=40, blank=True)
    purchaser_street = models.CharField(_("street"), max_length=160, blank=True)
    purchaser_city = models.CharField(_("city"), max_length=80, blank=True)
    purchaser_postcode = models.CharField(_("postcode"), max_length=20, blank=True)
    purchaser_country = models.CharField(_("country"), max_length=2, blank=True)
    purchaser_vat = models.CharField(_("VAT number"), max_length=30, blank=True)

    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, null=True, editable=False)
    agreement_accepted_at = models.DateTimeField(_("agreement accepted"), null=True, editable=False)
    agreement_accepted_from = models.GenericIPAddressField(_("accepted from"), null=True, editable=False)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["owner", "-created_at"], name="order_of_owner"),
            models.Index(fields=["-created_at", "-id"], name="order_newest"),  # the admin's list
        ]

    def __str__(self) -> str:
        return self.number

    def move(self, to: str, **values: Any) -> None:
        """Go to another state by one conditional UPDATE. Raises IllegalMove when the state moved meanwhile."""
        if to not in self.MOVES[self.state]:
            raise IllegalMove(f"order {self.number}: {self.state} to {to}")
        moved = Order.objects.filter(pk=self.pk, state=self.state).update(state=to, **values)
        if moved != 1:
            raise IllegalMove(f"order {self.number} is no longer {self.state}")
        self.state = to
        for name, value in values.items():
            setattr(self, name, value)

    def accept_agreement(self, agreement: Agreement, *, now: datetime, address: str | None) -> None:
        """Record which text was accepted, when and from where."""
        self.agreement = agreement
        self.agreement_accepted_at = now
        self.agreement_accepted_from = address
        self.save(update_fields=["agreement", "agreement_accepted_at", "agreement_accepted_from"])


class OrderItem(models.Model):
    """One product for one term. The prices of that moment are copied here and never change afterwards."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    years = models.PositiveSmallIntegerField(_("years"))
    amount = models.PositiveIntegerField(_("amount"), help_text=_("Minor units, all names included."))

    class Meta:
        verbose_name = _("order item")
        verbose_name_plural = _("order items")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.product} {self.years} y"


class OrderNameQuerySet(models.QuerySet["OrderName"]):
    def begun(self, text: str) -> Self:
        """Return the names that begin with what somebody typed."""
        return self.filter(ascii__startswith=text.strip().lower().removeprefix("*."))

    def at_or_below(self, name: str) -> Self:
        """Return the name itself and every name below it."""
        return self.filter(models.Q(ascii=name) | models.Q(ascii__endswith=f".{name}"))


class OrderName(models.Model):
    """One name of an item: the A-label without `*.`, and whether the wildcard is meant."""

    item = models.ForeignKey(OrderItem, on_delete=models.CASCADE, related_name="names", db_index=False)
    ascii = models.CharField(_("name"), max_length=253)
    wildcard = models.BooleanField(_("wildcard"), default=False)
    position = models.PositiveSmallIntegerField(default=0)

    objects = OrderNameQuerySet.as_manager()

    class Meta:
        verbose_name = _("name")
        verbose_name_plural = _("names")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["item", "ascii", "wildcard"], name="order_name_once_per_item")
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        return f"*.{self.ascii}" if self.wildcard else self.ascii
