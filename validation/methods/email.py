"""The domain owner's approval by mail: an authorisation (validation/approval), never a proof that a CA takes."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from validation.methods.base import Instruction, Text
from validation.models import Authorization, Challenge
from validation.problems import Finding


class Email:
    """ACME has no mail challenge for DNS names, so an approval alone never makes a CA issue.

    As a proof it is never available; whether it is offered is for the CA account to say (certificates/activation/emailing.py).
    """

    slug: ClassVar[str] = "email"
    label: ClassVar[Text] = _("Email")
    available: ClassVar[bool] = False
    # Why it is not offered, where it is not, the CA account says: certificates/activation/emailing.py.
    unavailable_why: ClassVar[Text] = ""

    def can_prove(self, identifier: str, wildcard: bool) -> bool:
        return False

    def instruction(self, challenge: Challenge, identifier: str) -> Instruction:
        """Raises LookupError: there is nothing to publish for a mail."""
        raise LookupError("email has nothing to publish")

    def look(self, authorization: Authorization, challenge: Challenge, now: datetime) -> Finding:
        return Finding("email_proves_nothing", in_place=False, facts={"name": authorization.text})
