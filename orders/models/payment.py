"""Money as the gateway reported it."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from leases import Leased, LeasedQuerySet, due_index
from orders.models.order import Order


class PaymentQuerySet(LeasedQuerySet["Payment"]):
    def live(self) -> Self:
        """Return attempts that may still bring money; an order has at most one."""
        return self.filter(state__in=Payment.LIVE)

    def unsettled(self) -> Self:
        """Return attempts that money may still turn into paid: an expired or failed one can be overtaken by the truth."""
        return self.exclude(state__in=[Payment.State.PAID, Payment.State.MISMATCH])

    def received(self) -> Self:
        """Return attempts whose money is with the gateway, as asked for or not."""
        return self.filter(state__in=[Payment.State.PAID, Payment.State.MISMATCH])


class Payment(Leased):
    """One attempt to pay an order. The idempotency key is committed before the gateway is called.

    `due_at` is when the reconciler asks the gateway itself, in case no event ever arrives.
    """

    class State(models.TextChoices):
        CREATED = "created", _("Created")  # us: the gateway has not answered yet
        OPEN = "open", _("Open")  # customer
        PROCESSING = "processing", _("Processing")  # gateway: delayed methods
        PAID = "paid", _("Paid")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("Expired")
        MISMATCH = "mismatch", _("Mismatch")  # operator: money that is not what we asked for

    class Dispute(models.TextChoices):
        NONE = "", _("None")
        OPEN = "open", _("Open")  # operator
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    LIVE = (State.CREATED, State.OPEN, State.PROCESSING)

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    gateway = models.CharField(_("gateway"), max_length=20)
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.CREATED)
    idempotency_key = models.CharField(max_length=64, unique=True, editable=False)
    session_id = models.CharField(_("session"), max_length=100, unique=True, null=True, editable=False)
    session_url = models.TextField(_("payment page"), blank=True, editable=False)
    intent_id = models.CharField(_("payment intent"), max_length=100, unique=True, null=True, editable=False)
    amount = models.PositiveIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3)
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("page expires"))
    received_amount = models.PositiveIntegerField(
        _("received"), default=0, help_text=_("Minor units of the payment's currency, as the gateway said.")
    )
    dispute = models.CharField(_("dispute"), max_length=5, choices=Dispute.choices, blank=True, default="")
    settled_at = models.DateTimeField(_("settled"), null=True)
    problem = models.CharField(_("problem"), max_length=300, blank=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["order", "attempt"], name="payment_attempt_once"),
            # Two tabs and a double click end at one payment page.
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state__in=["created", "open", "processing"]),
                name="payment_one_live_per_order",
            ),
        ]
        indexes = [due_index("payment_due")]

    def __str__(self) -> str:
        return f"{self.order.number} #{self.attempt}"

    @property
    def live(self) -> bool:
        return self.state in self.LIVE

    def refundable(self) -> int:
        """Return how much may still be given back, in minor units: received, less what was refunded or is on its way."""
        if self.state not in {self.State.PAID, self.State.MISMATCH}:
            return 0
        asked = self.refunds.exclude(state=Refund.State.FAILED).aggregate(all=Sum("amount"))["all"] or 0
        return max(0, self.received_amount - asked)


class Refund(Leased):
    """Money going back. Asked for by an operator; the idempotency key is committed before the call."""

    class State(models.TextChoices):
        WANTED = "wanted", _("Wanted")  # us
        PENDING = "pending", _("Pending")  # gateway
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")  # operator

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount = models.PositiveIntegerField(_("amount"))
    reason = models.CharField(_("reason"), max_length=200)
    asked_by = models.CharField(_("asked by"), max_length=254)
    idempotency_key = models.CharField(max_length=64, unique=True, editable=False)
    gateway_id = models.CharField(_("gateway id"), max_length=100, unique=True, null=True, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WANTED)
    created_at = models.DateTimeField(_("created"))
    problem = models.CharField(_("problem"), max_length=300, blank=True)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-created_at"]
        indexes = [due_index("refund_due")]

    def __str__(self) -> str:
        return f"{self.payment} {self.amount}"
