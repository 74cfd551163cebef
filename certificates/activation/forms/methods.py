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

from certificates.activation.emailing import Choice, Emailing, Question, found_for_each
from certificates.models import Activation, ActivationName
from identifiers.names import Name
from validation.approval.recipients import Recipient
from validation.methods import CHOSEN, METHODS, available_for
from validation.models.authorization import Method

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
    `approver-<n>` says who is asked about the names below one registered domain that are shown by Email.
    """

    all = forms.ChoiceField(label=gettext_lazy("For all names"), required=False)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, activation: Activation, emailing: Emailing
    ) -> None:
        self.activation_names = list(activation.names.all())
        self.emailing = emailing
        self.choices: dict[int, Choice] = {}
        self._approvers: dict[int, Recipient] = {}
        super().__init__(data)
        everywhere = [(slug, method.label) for slug, method in CHOSEN.items() if self._is_available(slug)]
        field = cast(forms.ChoiceField, self.fields["all"])
        field.choices = [*everywhere, (EACH, EACH_LABEL)]
        field.initial = self._shared_method()
        for name in self.activation_names:
            offered = self._offered(name)
            self.fields[_key(name)] = forms.ChoiceField(
                label=name.text,
                choices=[(slug, METHODS[slug].label) for slug in offered],
                initial=(name.method if name.method in offered else "")
                or (offered[0] if len(offered) == 1 else ""),
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
        free = {name.method for name in self.activation_names if len(self._offered(name)) > 1}
        if len(free) == 1:
            return free.pop()
        return EACH if free else str(next((name.method for name in self.activation_names), ""))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for_all = cleaned.get("all", "")
        chosen = any(
            cleaned.get(_key(name)) for name in self.activation_names if len(self._offered(name)) > 1
        )
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
        self._find_approvers(cleaned)
        return cleaned

    def _find_approvers(self, cleaned: dict[str, Any]) -> None:
        """Take who was chosen from what is looked up now: an address that somebody typed is no choice."""
        asked = [
            question
            for question in self.emailing.questions
            if any(cleaned.get(_key(name)) == Method.EMAIL for name in question.names)
        ]
        looked_up = found_for_each(question.domain for question in asked) if asked else {}
        for question in asked:
            key, found = str(self.data.get(question.key, "")), looked_up[question.domain]
            recipient = found.named(key)
            told = ""
            if recipient is None:
                told = Choice(question, found).nobody or _("Choose who is asked to approve.")
                self._refuse_question(question, told)
            else:
                self._approvers |= {name.pk: recipient for name in question.names}
            self.choices[question.number] = Choice(question, found, key, told)

    def _refuse_question(self, question: Question, message: str) -> None:
        if question.key not in self.fields:
            self.fields[question.key] = forms.CharField(
                label=_("Who approves for %(domain)s") % {"domain": question.domain}, required=False
            )
        self._refuse(question.key, message)

    def _refuse(self, field: str, message: str) -> None:
        self.add_error(field, ValidationError(message, code="required"))

    def _for_all(self, name: ActivationName, method: str) -> str:
        offered = self._offered(name)
        return method if method in offered else offered[0]

    def _is_available(self, slug: str) -> bool:
        return self.emailing.offered if slug == Method.EMAIL else METHODS[slug].available

    def _offered(self, name: ActivationName) -> list[str]:
        slugs = [method.slug for method in available_for(name.ascii, name.wildcard)]
        by_mail = self.emailing.offered and not Name(name.ascii).is_ip
        return [*slugs, Method.EMAIL.value] if by_mail else slugs

    def chosen(self) -> dict[int, str]:
        """Return the method by the name's primary key: all of them once the form is valid, the good ones before."""
        found = {name.pk: self.cleaned_data.get(_key(name), "") for name in self.activation_names}
        return {pk: method for pk, method in found.items() if method}

    def approvers(self) -> dict[int, tuple[str, str]]:
        """Return address and domain of who is asked, by the primary key of each name that is shown by Email."""
        return {
            pk: (recipient.address, recipient.domain)
            for pk, recipient in self._approvers.items()
            if self.cleaned_data.get(f"method-{pk}") == Method.EMAIL
        }

    def approver_choices(self) -> list[Choice]:
        """Return the selects, those that nobody has asked for yet without their options."""
        if not self.emailing.offered:
            return []
        return [
            self.choices.get(question.number, Choice(question, chosen=question.stored))
            for question in self.emailing.questions
        ]

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
            Offer(slug, method.label, self._how(slug), self._why_never(slug), chosen=value == slug)
            for slug, method in CHOSEN.items()
        ]
        text = _("Some one way, others another.")
        return [*offers, Offer(EACH, EACH_LABEL, text, "", chosen=value == EACH)]

    def _offers(self, name: ActivationName) -> list[Offer]:
        value = self[_key(name)].value()
        return [
            Offer(slug, method.label, self._how(slug), self._why_not(slug, name), chosen=value == slug)
            for slug, method in CHOSEN.items()
        ]

    def _why_never(self, slug: str) -> str:
        return self.emailing.why_not if slug == Method.EMAIL else str(METHODS[slug].unavailable_why)

    def _why_not(self, slug: str, name: ActivationName) -> str:
        if slug == Method.EMAIL:
            nobody = _("Nobody can be asked by mail about an IP address.")
            return self.emailing.why_not or (nobody if Name(name.ascii).is_ip else "")
        return _why_not(slug, name)

    def _how(self, slug: str) -> str:
        return self.emailing.how if slug == Method.EMAIL else _how(slug)


def _key(name: ActivationName) -> str:
    return f"method-{name.pk}"


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
