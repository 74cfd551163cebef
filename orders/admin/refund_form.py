"""How much of which payment goes back, and why."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.audited_admin import ReasonForm
from orders.models import Order, Payment
from orders.money import digits, shown


@dataclass(frozen=True)
class Wanted:
    """`amount` is whole minor units of the payment's currency."""

    payment: Payment
    amount: int
    reason: str


class RefundForm(ReasonForm):
    payment = forms.ChoiceField(label=_("Payment"))
    amount = forms.DecimalField(
        label=_("Amount"), min_value=Decimal("0.001"), max_digits=12, decimal_places=3
    )
    field_order = ("payment", "amount", "reason")

    def __init__(self, order: Order, data: Any = None) -> None:
        self.choices = {str(payment.pk): payment for payment in self.refundable(order)}
        first = next(iter(self.choices.values()), None)
        super().__init__(data, initial={"amount": _major(first) if first else None})
        self.fields["payment"].choices = [  # type: ignore[attr-defined]
            (key, _label(payment)) for key, payment in self.choices.items()
        ]

    @staticmethod
    def refundable(order: Order) -> list[Payment]:
        """Return the payments of which something may still be given back."""
        return [p for p in order.payments.select_related("order").order_by("attempt") if p.refundable() > 0]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        payment, amount = self.choices.get(str(cleaned.get("payment"))), cleaned.get("amount")
        if payment is None or amount is None:
            return cleaned
        minor = amount.scaleb(digits(payment.currency))
        if minor != minor.to_integral_value():
            self.add_error(
                "amount", _t("%(currency)s has no such small part.") % {"currency": payment.currency}
            )
        elif minor > payment.refundable():
            most = shown(payment.refundable(), payment.currency)
            self.add_error("amount", _t("At most %(sum)s can be given back.") % {"sum": most})
        return cleaned

    def wanted(self) -> Wanted:
        """Return what a valid form asks for."""
        payment = self.choices[self.cleaned_data["payment"]]
        minor = int(self.cleaned_data["amount"].scaleb(digits(payment.currency)))
        return Wanted(payment, minor, self.cleaned_data["reason"])


def _major(payment: Payment) -> Decimal:
    return Decimal(payment.refundable()).scaleb(-digits(payment.currency))


def _label(payment: Payment) -> str:
    return _t("%(payment)s: %(sum)s left") % {
        "payment": payment,
        "sum": shown(payment.refundable(), payment.currency),
    }
