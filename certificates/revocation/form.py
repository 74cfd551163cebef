"""Which certificate, why, and the domain's name typed once more: there is no way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates.models import Certificate, Revocation
from identifiers.names import Name, UnacceptableName, parse

Reason = Revocation.Reason

# Title and explanation of each reason that a subscriber may give (CA/B Forum BR §4.9.1.1), the gravest first.
REASONS: dict[Reason, tuple[str | Promise, str | Promise]] = {
    Reason.KEY_COMPROMISE: (
        gettext_lazy("Somebody else may have the private key"),
        gettext_lazy(
            "It was copied, seen, sent to somebody, or lost with a server. No certificate is issued for this key again."
        ),
    ),
    Reason.SUPERSEDED: (
        gettext_lazy("I use another certificate now"),
        gettext_lazy("The new one is installed wherever this one was."),
    ),
    Reason.CESSATION_OF_OPERATION: (
        gettext_lazy("The site was given up"),
        gettext_lazy("Or the domain is no longer mine."),
    ),
    Reason.AFFILIATION_CHANGED: (
        gettext_lazy("The organization's details changed"),
        gettext_lazy("Its name or seat in the certificate is no longer right."),
    ),
    Reason.UNSPECIFIED: (
        gettext_lazy("Another reason"),
        gettext_lazy("Or you would rather not say."),
    ),
}
# Whose certificates name an organization.
VETTED = {"ov", "ev"}


class RevokeForm(forms.Form):
    """`reason` is a Revocation.Reason; `name` must be the certificate's first name, as typed by a person."""

    reason = forms.TypedChoiceField(
        label=gettext_lazy("Why?"), widget=forms.RadioSelect, coerce=lambda value: Reason(int(value))
    )
    name = forms.CharField(
        label=gettext_lazy("Type the domain name to confirm"),
        max_length=300,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, certificate: Certificate) -> None:
        super().__init__(data)
        self.wanted = Name.of(str(certificate.names[0]))
        vetted = certificate.plan.product.level in VETTED
        cast(forms.ChoiceField, self.fields["reason"]).choices = [
            (reason.value, format_html("<strong>{}</strong><br><span class='small muted'>{}</span>", *words))
            for reason, words in REASONS.items()
            if vetted or reason != Reason.AFFILIATION_CHANGED
        ]

    def clean_name(self) -> str:
        typed = str(self.cleaned_data["name"])
        try:
            same = parse(typed, allow_reserved=True, allow_ip=True) == self.wanted
        except UnacceptableName:
            same = False
        if not same:
            raise ValidationError(
                _("This is not the name of the certificate: type %(name)s.") % {"name": self.wanted.unicode},
                code="other_name",
            )
        return typed
