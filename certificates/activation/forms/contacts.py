"""Step 2: whom to write to about the certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from certificates.activation.forms.fields import Address, PlainText, Telephone
from certificates.models import Activation

ADMIN_FIELDS = ("admin_name", "admin_email", "admin_phone", "admin_organization")
TECH_FIELDS = ("tech_name", "tech_email", "tech_phone", "tech_organization")


def _name() -> PlainText:
    return PlainText(label=gettext_lazy("Full name"), max_length=120)


def _email() -> Address:
    return Address(label=gettext_lazy("Email address"), max_length=254)


def _phone() -> Telephone:
    return Telephone(
        label=gettext_lazy("Telephone"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel"}),
    )


def _organization() -> PlainText:
    return PlainText(label=gettext_lazy("Organization"), max_length=120, required=False)


class ContactsForm(forms.Form):
    """`burnt` tells, by field, where a private key was taken out."""

    use_required_attribute = False  # the technical contact is hidden while it is the administrator

    admin_name = _name()
    admin_email = _email()
    admin_phone = _phone()
    admin_organization = _organization()
    tech_same = forms.BooleanField(label=gettext_lazy("Same as administrator"), required=False)
    tech_name = _name()
    tech_email = _email()
    tech_phone = _phone()
    tech_organization = _organization()

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        activation: Activation,
        burnt: Mapping[str, str] | None = None,
    ) -> None:
        self.burnt = dict(burnt or {})
        super().__init__(data, initial=_initial(activation))
        tokens = {"name": "name", "email": "email", "phone": "tel", "organization": "organization"}
        for field in ADMIN_FIELDS:
            self.fields[field].widget.attrs["autocomplete"] = tokens[field.removeprefix("admin_")]

    def admin_part(self) -> list[forms.BoundField]:
        return [self[field] for field in ADMIN_FIELDS]

    def tech_part(self) -> list[forms.BoundField]:
        return [self[field] for field in TECH_FIELDS]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for field, warning in self.burnt.items():
            if field in self.fields:
                self.add_error(field, ValidationError(warning, code="private_key_pasted"))
        if cleaned.get("tech_same"):
            for field in TECH_FIELDS:
                self.errors.pop(field, None)
        return cleaned


def _initial(activation: Activation) -> dict[str, Any]:
    kept = {field: getattr(activation, field) for field in (*ADMIN_FIELDS, "tech_same", *TECH_FIELDS)}
    draft = dict(activation.drafts.get("contacts", {}))
    if draft:
        draft["tech_same"] = bool(draft.get("tech_same"))
    return kept | draft
