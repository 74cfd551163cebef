"""Names and term of an order."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from identifiers.names import Name, UnacceptableName, parse, parse_many
from orders import sanity
from orders.models import Price, Product
from orders.pricing import NotForSale, Quote, WildcardNotOffered, quote

LONGEST_TEXT = 30_000  # a hundred of the longest names
MOST_NAMES = 100


class OrderForm(forms.Form):
    """`thorough` asks also what needs the network. After validation: `parsed`, `quote`, `findings`."""

    names = forms.CharField(
        label=gettext_lazy("Domain names"),
        max_length=LONGEST_TEXT,
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "data-mono": "",
                "data-order-names": "",
                "spellcheck": "false",
                "autocapitalize": "none",
                "autocomplete": "off",
                "autocorrect": "off",
            }
        ),
        error_messages={
            "required": gettext_lazy("Enter a domain name, for example example.com."),
            "max_length": gettext_lazy("This text is too long: a certificate carries at most 100 names."),
        },
    )
    years = forms.TypedChoiceField(label=gettext_lazy("Term"), coerce=int, widget=forms.RadioSelect)

    def __init__(self, *args: Any, product: Product, thorough: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.product = product
        self.thorough = thorough
        self.prices = [price for price in product.prices.all() if price.currency == settings.CURRENCY]
        self.parsed: list[Name] = []
        self.quote: Quote | None = None
        self.findings = sanity.Findings()
        field = self.fields["years"]
        assert isinstance(field, forms.TypedChoiceField)  # noqa: S101 - declared above
        field.choices = [
            (price.years, ngettext("%(years)d year", "%(years)d years", price.years) % {"years": price.years})
            for price in self.prices
        ]
        if self.prices:
            field.initial = self.prices[0].years
        self.fields["names"].help_text = self._help()

    def _help(self) -> str:
        if self.product.wildcard:
            return _(
                "First the wildcard, for example *.example.com; the domain itself (example.com) is included. "
                "Further names go on lines of their own."
            )
        return _("For example www.example.com. Further names go on lines of their own.")

    def terms(self) -> list[tuple[Any, Price]]:
        """Return each term's radio button beside its price, for the page."""
        return list(zip(self["years"], self.prices, strict=True))

    def clean_names(self) -> list[Name]:
        text = self.cleaned_data["names"]
        try:
            self.parsed = parse_many(
                text,
                limit=MOST_NAMES,
                allow_reserved=settings.VALIDATION_RESERVED_NAMES,
                allow_ip=self.product.ip_addresses,
            )
        except UnacceptableName as refused:
            raise ValidationError(_said(refused), code=refused.slug) from refused
        return self.parsed

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.parsed:
            return data
        self.findings = (sanity.look if self.thorough else sanity.look_quickly)(self.product, self.parsed)
        for refusal in self.findings.refusals:
            self.add_error("names", refusal.message)
        if "years" in data and not self.findings.refusals:
            self._count(data["years"])
        return data

    def _count(self, years: int) -> None:
        try:
            self.quote = quote(self.product, self.parsed, years, settings.CURRENCY)
        except NotForSale:
            self.add_error("years", _("This term is not on offer."))
        except WildcardNotOffered:
            self.add_error("names", _("This term does not allow a second wildcard."))

    def base_price(self) -> Price | None:
        """Return the price of the chosen term before any name is known, or of the shortest."""
        chosen = str(self["years"].value())
        return next(
            (price for price in self.prices if str(price.years) == chosen),
            self.prices[0] if self.prices else None,
        )


def _said(refused: UnacceptableName) -> str:
    if not refused.suggestion:
        return refused.message
    return _("%(message)s Did you mean %(suggestion)s?") % {
        "message": refused.message,
        "suggestion": refused.suggestion,
    }


def with_name_added(text: str, added: str) -> str:
    """Return what was typed with one more name on a line of its own; anything that is no name adds nothing."""
    try:
        name = parse(added, allow_reserved=settings.VALIDATION_RESERVED_NAMES)
    except UnacceptableName:
        return text
    return f"{text.rstrip()}\n{name.unicode}" if text.strip() else name.unicode
