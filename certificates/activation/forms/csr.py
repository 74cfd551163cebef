"""Step 1: which names, and whether we make key and CSR or the customer brings a CSR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_variables

from accounts.countries import COUNTRIES
from certificates.activation.forms import names as lines
from certificates.activation.forms.fields import CsrText, PlainText
from certificates.csr import CsrReport, against
from certificates.csr_problems import Problem, UnacceptableCSR
from certificates.models import Activation
from certificates.plan_csr import read_for
from identifiers.names import Name, UnacceptableName

SUBJECT_FIELDS = ("organization", "locality", "region", "country")
GENERATED_FIELDS = (*SUBJECT_FIELDS, "key_type")
KEY_CHOICES = [
    ("ec-p256", gettext_lazy("ECDSA P-256 (recommended)")),
    ("ec-p384", gettext_lazy("ECDSA P-384")),
    ("rsa-2048", gettext_lazy("RSA 2048")),
    ("rsa-3072", gettext_lazy("RSA 3072")),
    ("rsa-4096", gettext_lazy("RSA 4096")),
]
KEY_HELP = gettext_lazy(
    "P-256 is small, fast and right for almost everyone. Take RSA 2048 for software from before 2015; larger keys only cost speed."
)

SUBJECT_LABELS = {
    "organization": gettext_lazy("Organization"),
    "organizational_unit": gettext_lazy("Unit"),
    "locality": gettext_lazy("City"),
    "state": gettext_lazy("State or province"),
    "country": gettext_lazy("Country"),
    "email": gettext_lazy("Email address"),
}


class KeyType(forms.ChoiceField):
    """A key type; the recommended one where none was chosen."""

    def to_python(self, value: Any) -> str:
        return super().to_python(value) or KEY_CHOICES[0][0]


class Line(forms.CharField):
    """A line for a name. `required` only marks it: which line may stay empty is judged over all lines."""

    def validate(self, value: Any) -> None:
        """Nothing: identifiers.names judges the text."""


class CsrForm(forms.Form):
    """`burnt` tells, by field, where a private key was taken out; `adopt` takes the CSR's names instead of the typed ones.

    After validation: `names` (common name first), `report` of the pasted CSR, its `csr_problems`, and `adoptable`.
    """

    use_required_attribute = (
        False  # the half of the page that is not chosen is hidden, and must not stop the browser
    )

    csr_source = forms.ChoiceField(label=gettext_lazy("Have a CSR?"), widget=forms.RadioSelect)
    common = forms.ChoiceField(label=gettext_lazy("Common name"), required=False, widget=forms.RadioSelect)
    organization = PlainText(label=gettext_lazy("Organization"), max_length=64, required=False)
    locality = PlainText(label=gettext_lazy("City"), max_length=64, required=False)
    region = PlainText(label=gettext_lazy("State or province"), max_length=64, required=False)
    country = forms.ChoiceField(label=gettext_lazy("Country"), required=False)
    key_type = KeyType(label=gettext_lazy("Key type"), choices=KEY_CHOICES, help_text=KEY_HELP)
    csr = CsrText(label=gettext_lazy("Your CSR"), required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        activation: Activation,
        burnt: Mapping[str, str] | None = None,
    ) -> None:
        self.plan = activation.plan
        self.slots = lines.slots_of(self.plan)
        self.burnt = dict(burnt or {})
        self.adopt = data is not None and bool(data.get("adopt"))
        self.names: list[Name] = []
        self.report: CsrReport | None = None
        self.csr_problems: list[Problem] = []
        self.adoptable = False
        super().__init__(data, initial=_initial(activation, self.slots))
        self._add_choices()
        for slot in self.slots:
            self.fields[slot.key] = _line(lines.label_of(slot, self.slots), required=slot is self.slots[0])

    def _add_choices(self) -> None:
        sources = [
            (Activation.CsrSource.GENERATED.value, _("No")),
            (Activation.CsrSource.PASTED.value, _("Yes")),
        ]
        _offer(self.fields["csr_source"], sources)
        _offer(self.fields["common"], [(slot.key, _("Common name")) for slot in self.slots])
        _offer(self.fields["country"], [("", _("Choose a country")), *COUNTRIES.items()])
        for field, token in (
            ("organization", "organization"),
            ("locality", "address-level2"),
            ("region", "address-level1"),
        ):
            self.fields[field].widget.attrs["autocomplete"] = token
        self.fields["country"].widget.attrs["autocomplete"] = "country"

    def lines(self) -> list[tuple[BoundField, Any]]:
        """Return for each line its field and its choice of common name."""
        return list(zip((self[slot.key] for slot in self.slots), self["common"], strict=True))

    def facts(self) -> list[tuple[str, str]]:
        """Return what else stands in the pasted CSR, besides its names, as label and value."""
        if self.report is None:
            return []
        kind = "RSA" if self.report.key_type.startswith("rsa") else "ECDSA"
        facts = [
            (_("Key"), _("%(kind)s, %(bits)d bits") % {"kind": kind, "bits": self.report.key_bits}),
            (_("Signature"), self.report.signature_hash),
        ]
        told = {key: value for key, value in self.report.subject.items() if key in SUBJECT_LABELS}
        return facts + [(str(SUBJECT_LABELS[key]), value) for key, value in told.items()]

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for field, warning in self.burnt.items():
            if field in self.fields and field != "csr":
                self._refuse(field, warning, "private_key_pasted")
        named, refused = lines.read_slots(self._typed(), self.slots, allow_ip=self.plan.product.ip_addresses)
        if cleaned.get("csr_source") == Activation.CsrSource.PASTED:
            self._forget_errors(GENERATED_FIELDS)
            self._judge_csr(str(cleaned.get("csr", "")), named, refused)
        else:
            self._forget_errors(("csr",))
            self._judge_names(named, refused)
        return cleaned

    def _typed(self) -> dict[str, str]:
        return {slot.key: str(self.cleaned_data.get(slot.key, "")) for slot in self.slots}

    def _judge_names(self, named: Mapping[str, Name], refused: Mapping[str, UnacceptableName]) -> None:
        for key, refusal in refused.items():
            self._refuse(key, _with_suggestion(refusal), refusal.slug)
        if not named and not refused and not self._has_line_errors():
            self._refuse(self.slots[0].key, _("Enter the domain name the certificate is for."), "empty")
        common = named.get(str(self.cleaned_data.get("common", "")))
        rest = [name for name in named.values() if name != common]
        self.names = [common, *rest] if common is not None else rest

    @sensitive_variables()
    def _judge_csr(
        self, text: str, named: Mapping[str, Name], refused: Mapping[str, UnacceptableName]
    ) -> None:
        if "csr" in self.burnt:
            self.csr_problems = [Problem("private_key_pasted", "csr", self.burnt["csr"])]
        elif "csr" not in self.errors:
            self._read_csr(text)
        if self.report is not None:
            self._settle_names(self.report, named, refused)
        else:
            self._judge_names(named, refused)
        for problem in self.csr_problems:
            self._refuse("csr", problem.message, problem.slug)

    def _read_csr(self, text: str) -> None:
        try:
            self.report = read_for(self.plan, text)
        except UnacceptableCSR as refused:
            self.csr_problems = list(refused.problems)

    def _settle_names(
        self, report: CsrReport, named: Mapping[str, Name], refused: Mapping[str, UnacceptableName]
    ) -> None:
        """The typed names must be the CSR's. They are taken from it where the customer says so or typed none."""
        fit = lines.fits(report.names, self.plan)
        if fit and (self.adopt or not (named or refused)):
            self._forget_errors(slot.key for slot in self.slots)
            self.names = list(report.names)
            return
        self._judge_names(named, refused)
        self.csr_problems = against(report, list(named.values()))
        self.adoptable = fit and bool(self.csr_problems)
        if not fit:
            self.csr_problems.append(self._not_bought(report))

    def _not_bought(self, report: CsrReport) -> Problem:
        wildcards = sum(name.wildcard for name in report.names)
        message = _("The CSR holds %(held)s; this plan was bought for %(bought)s.") % {
            "held": _counted(len(report.names) - wildcards, wildcards),
            "bought": _counted(self.plan.single_names, self.plan.wildcard_names),
        }
        return Problem("names_not_bought", "names", message)

    def _has_line_errors(self) -> bool:
        return any(slot.key in self.errors for slot in self.slots)

    def _refuse(self, field: str, message: str, code: str) -> None:
        self.add_error(field, ValidationError(message, code=code))

    def _forget_errors(self, fields: Any) -> None:
        for field in fields:
            self.errors.pop(field, None)


def _counted(singles: int, wildcards: int) -> str:
    """Return "2 names", "1 wildcard" or "2 names and 1 wildcard"."""
    parts = []
    if singles:
        parts.append(ngettext("%(count)d name", "%(count)d names", singles) % {"count": singles})
    if wildcards:
        parts.append(ngettext("%(count)d wildcard", "%(count)d wildcards", wildcards) % {"count": wildcards})
    return _(" and ").join(parts)


def _offer(field: forms.Field, choices: list[Any]) -> None:
    cast(forms.ChoiceField, field).choices = choices


def _line(label: str, *, required: bool) -> Line:
    attrs = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false", "inputmode": "url"}
    return Line(label=label, required=required, strip=False, widget=forms.TextInput(attrs=attrs))


def _with_suggestion(refusal: UnacceptableName) -> str:
    if not refusal.suggestion or refusal.suggestion in refusal.message:
        return refusal.message
    return refusal.message + " " + _("Did you mean %(name)s?") % {"name": refusal.suggestion}


def _initial(activation: Activation, slots: list[lines.Slot]) -> dict[str, Any]:
    names = [Name(ascii=name.ascii, wildcard=name.wildcard) for name in activation.names.all()]
    texts = lines.placed(names, slots)
    common = Name.of(activation.common_name)
    kept = {
        "csr_source": activation.csr_source or Activation.CsrSource.GENERATED.value,
        "common": next(
            (key for key, text in texts.items() if text == common.unicode), slots[0].key if slots else ""
        ),
        "key_type": activation.key_type,
        "csr": activation.csr_pem,
        **{field: getattr(activation, field) for field in SUBJECT_FIELDS},
        **texts,
    }
    return kept | activation.drafts.get("csr", {})
