"""Who buys, and that they accept the agreement."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.countries import COUNTRIES
from orders.models import Agreement, Order

_PHONE = re.compile(r"^\+?[0-9 ().\-/]{4,40}$")
_VAT = re.compile(r"^[A-Za-z0-9+*.\- ]{2,30}$")


class LineField(forms.CharField):
    """One line of text: blanks are tidied, what cannot be printed is refused."""

    def clean(self, value: Any) -> Any:
        text = " ".join(str(value or "").split())
        if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} for character in text):
            raise ValidationError(
                _("This contains invisible or control characters. Please type it again."), code="invisible"
            )
        return super().clean(text)


def _line(name: str, autocomplete: str, *, required: bool = False) -> LineField:
    column = Order._meta.get_field(name)
    return LineField(
        label=str(column.verbose_name).capitalize(),  # type: ignore[union-attr]
        max_length=column.max_length,  # type: ignore[union-attr]
        required=required,
        widget=forms.TextInput(attrs={"autocomplete": autocomplete}),
    )


class PurchaserForm(forms.Form):
    """Purchaser information and the agreement; `agreement_version` tells which text was on the page."""

    purchaser_name = _line("purchaser_name", "name", required=True)
    purchaser_email = forms.EmailField(
        label=gettext_lazy("Email address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    purchaser_company = _line("purchaser_company", "organization")
    purchaser_phone = _line("purchaser_phone", "tel")
    purchaser_street = _line("purchaser_street", "street-address")
    purchaser_postcode = _line("purchaser_postcode", "postal-code")
    purchaser_city = _line("purchaser_city", "address-level2")
    purchaser_country = forms.ChoiceField(
        label=gettext_lazy("Country"),
        choices=[("", gettext_lazy("Choose a country")), *COUNTRIES.items()],
        widget=forms.Select(attrs={"autocomplete": "country"}),
    )
    purchaser_vat = _line("purchaser_vat", "off")
    agreement = forms.BooleanField(
        label=gettext_lazy("I have read the agreement and accept it."),
        error_messages={"required": gettext_lazy("Please read and accept the agreement to go on.")},
    )
    agreement_version = forms.CharField(max_length=20, widget=forms.HiddenInput)

    def __init__(self, *args: Any, current: Agreement, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.current = current
        self.fields["agreement_version"].initial = current.version
        vat = self.fields["purchaser_vat"]
        vat.label = _("VAT number")

    def clean_purchaser_phone(self) -> str:
        phone = str(self.cleaned_data["purchaser_phone"])
        if phone and not _PHONE.match(phone):
            raise ValidationError(_("Enter a telephone number such as +49 30 123456."), code="phone")
        return phone

    def clean_purchaser_vat(self) -> str:
        vat = str(self.cleaned_data["purchaser_vat"])
        if vat and not _VAT.match(vat):
            raise ValidationError(_("Enter the VAT number in letters and digits."), code="vat")
        return vat

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("agreement_version") != self.current.version:
            self.say_agreement_changed()
        return data

    def say_agreement_changed(self) -> None:
        """Ask for a fresh tick: the text that was ticked is not the one in force."""
        self.data = {name: value for name, value in self.data.items() if name != "agreement"}
        self.add_error("agreement", _("The agreement was updated meanwhile. Please read it and accept it."))

    def purchaser(self) -> dict[str, str]:
        return {
            name: str(value) for name, value in self.cleaned_data.items() if name.startswith("purchaser_")
        }
