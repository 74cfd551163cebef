"""Step 3: how control of each name will be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates.models import Activation, ActivationName
from identifiers.names import Name
from validation.methods import METHODS, available_for

EACH = "each"
EACH_LABEL = gettext_lazy("Name by name")


@dataclass(frozen=True)
class Offer:
    """One method for one name; `why_not` is a sentence where it cannot be had."""

    slug: str
    label: str | Promise
    text: str
    why_not: str
    chosen: bool


@dataclass(frozen=True)
class Row:
    name: ActivationName
    key: str
    offers: list[Offer]
    errors: list[str]


class MethodsForm(forms.Form):
    """A radio group per name, `method-<pk>`, and `all`, which wins for every name that can be shown that way.

    A wildcard can only be shown by DNS, so `all` = HTTP leaves DNS to it. `all` = "each" means: as chosen name by name.
    """

    all = forms.ChoiceField(label=gettext_lazy("For all names"), required=False)

    def __init__(self, data: Mapping[str, Any] | None = None, *, activation: Activation) -> None:
        self.activation_names = list(activation.names.all())
        super().__init__(data)
        everywhere = [(slug, method.label) for slug, method in METHODS.items() if method.available]
        field = cast(forms.ChoiceField, self.fields["all"])
        field.choices = [*everywhere, (EACH, EACH_LABEL)]
        field.initial = self._shared_method()
        for name in self.activation_names:
            offered = _offered(name)
            self.fields[_key(name)] = forms.ChoiceField(
                label=name.text,
                choices=[(slug, METHODS[slug].label) for slug in offered],
                initial=name.method or (offered[0] if len(offered) == 1 else ""),
                required=False,
            )

    @property
    def has_wildcard(self) -> bool:
        return any(name.wildcard for name in self.activation_names)

    @property
    def has_address(self) -> bool:
        return any(Name(name.ascii).is_ip for name in self.activation_names)

    def _shared_method(self) -> str:
        """The choice for all that would give what is stored: a method, EACH, or "" before anything was chosen."""
        free = {name.method for name in self.activation_names if len(_offered(name)) > 1}
        if len(free) == 1:
            return free.pop()
        return EACH if free else str(next((name.method for name in self.activation_names), ""))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for_all = cleaned.get("all", "")
        chosen = any(cleaned.get(_key(name)) for name in self.activation_names if len(_offered(name)) > 1)
        if not for_all and not chosen and len(self.activation_names) > 1 and "all" not in self.errors:
            self._refuse("all", _("Choose how to show control of your names."))
            return cleaned
        for name in self.activation_names:
            key = _key(name)
            if for_all and for_all != EACH:
                self.errors.pop(key, None)
                cleaned[key] = self._for_all(name, for_all)
            elif key not in self.errors and not cleaned.get(key):
                self._refuse(key, _("Choose how to show control of this name."))
        return cleaned

    def _refuse(self, field: str, message: str) -> None:
        self.add_error(field, ValidationError(message, code="required"))

    @staticmethod
    def _for_all(name: ActivationName, method: str) -> str:
        offered = _offered(name)
        return method if method in offered else offered[0]

    def chosen(self) -> dict[int, str]:
        """Return the method by the name's primary key: all of them once the form is valid, the good ones before."""
        found = {name.pk: self.cleaned_data.get(_key(name), "") for name in self.activation_names}
        return {pk: method for pk, method in found.items() if method}

    def rows(self) -> list[Row]:
        return [
            Row(
                name,
                _key(name),
                self._offers(name),
                [str(error) for error in self.errors.get(_key(name), [])],
            )
            for name in self.activation_names
        ]

    def offers_for_all(self) -> list[Offer]:
        told = any(_key(name) in self.errors for name in self.activation_names)
        value = EACH if told else self["all"].value()
        offers = [
            Offer(slug, method.label, _how(slug), str(method.unavailable_why), chosen=value == slug)
            for slug, method in METHODS.items()
        ]
        text = _("Some by HTTP, others by DNS.")
        return [*offers, Offer(EACH, EACH_LABEL, text, "", chosen=value == EACH)]

    def _offers(self, name: ActivationName) -> list[Offer]:
        value = self[_key(name)].value()
        return [
            Offer(slug, method.label, _how(slug), _why_not(slug, name), chosen=value == slug)
            for slug, method in METHODS.items()
        ]


def _key(name: ActivationName) -> str:
    return f"method-{name.pk}"


def _offered(name: ActivationName) -> list[str]:
    return [method.slug for method in available_for(name.ascii, name.wildcard)]


def _why_not(slug: str, name: ActivationName) -> str:
    method = METHODS[slug]
    if not method.available:
        return str(method.unavailable_why)
    if not method.can_prove(name.ascii, name.wildcard):
        if not name.wildcard:
            return _("Not for an IP address: the certificate authority asks the server at that address.")
        return _(
            "Not for a wildcard: a file on one server says nothing about all the other names under the domain."
        )
    return ""


def _how(slug: str) -> str:
    return {
        "http-01": _("Put one small file on your web server, reachable on port 80."),
        "dns-01": _("Add one TXT record where your domain’s DNS is kept."),
    }.get(slug, "")
