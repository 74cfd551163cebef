"""Form fields for what people write about themselves."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext_lazy as _

_TELEPHONE = re.compile(r"\+?[0-9(][0-9 ()./-]{3,37}(?: ?(?:x|ext\.?) ?[0-9]{1,6})?", re.IGNORECASE)
FEWEST_DIGITS = 5


class PlainText(forms.CharField):
    """One line of printable text: blanks are tidied, characters that cannot be seen are refused."""

    def to_python(self, value: Any) -> str:
        text = unicodedata.normalize("NFC", super().to_python(value) or "")
        return " ".join(text.split(" "))

    def validate(self, value: str) -> None:
        super().validate(value)
        if not value.isprintable():
            raise ValidationError(
                _(
                    "This contains invisible or control characters. Type it again by hand instead of pasting it."
                ),
                code="control_character",
            )


class Telephone(PlainText):
    """A telephone number as people write it: +49 30 1234567, (030) 12 34 56 ext. 7."""

    def validate(self, value: str) -> None:
        super().validate(value)
        if not value:
            return
        if not _TELEPHONE.fullmatch(value) or sum(character.isdigit() for character in value) < FEWEST_DIGITS:
            raise ValidationError(
                _(
                    "This is not a telephone number. Write it with its country code, for example +49 30 1234567."
                ),
                code="telephone",
            )


class Address(PlainText):
    """An e-mail address that can be reached from outside."""

    default_validators = [EmailValidator(allowlist=[])]
    widget = forms.EmailInput


class CsrText(forms.CharField):
    """A CSR as it was pasted, byte for byte: what it says is read by certificates.plan_csr."""

    widget = forms.Textarea(attrs={"rows": 10, "data-mono": "", "spellcheck": "false", "autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        help_text = _("The whole text, from the line BEGIN to the line END. Never paste a private key.")
        super().__init__(**{"strip": False, "help_text": help_text, **kwargs})
