"""A TXT record at _validation-persist that stays: it names the account at the CA, and answers every later challenge."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.utils.translation import gettext_lazy as _

from identifiers import suffixes
from validation import persisting
from validation.methods.base import Instruction, Text
from validation.models import Authorization, Challenge, Delegation
from validation.problems import Finding

TTL = 3600


class DnsPersist01:
    """Never chosen name by name: used by itself where the customer has set the record up and it stands."""

    slug: ClassVar[str] = "dns-persist-01"
    label: ClassVar[Text] = _("Standing DNS record")
    available: ClassVar[bool] = True
    unavailable_why: ClassVar[Text] = ""

    def can_prove(self, identifier: str, wildcard: bool) -> bool:
        return False

    def instruction(self, challenge: Challenge, identifier: str) -> Instruction:
        """Raises LookupError when the customer has set up no such record."""
        row = _record_of(challenge.authorization)
        zone, full_name = suffixes.registrable(identifier), f"{persisting.LABEL}.{identifier}"
        return Instruction(
            kind="dns", line=persisting.line(row), record_type="TXT", zone=zone,
            host=full_name.removesuffix(f".{zone}"), full_name=full_name, value=persisting.value(row), ttl=TTL,
        )  # fmt: skip

    def look(self, authorization: Authorization, challenge: Challenge, now: datetime) -> Finding:
        return persisting.find(_record_of(authorization), now)


def _record_of(authorization: Authorization) -> Delegation:
    rows = Delegation.objects.of(authorization.owner).over(authorization.identifier)
    row = rows.filter(kind=Delegation.Kind.PERSIST).first()
    if row is None:
        raise LookupError(f"no standing record for {authorization.text}")
    return row
