"""What every way of showing control takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from validation.models import Authorization, Challenge
from validation.problems import Finding
from validation.zone_lines import Row

Text = str | Promise


@dataclass(frozen=True)
class Instruction:
    """Exactly what to publish. `kind` is "dns" or "http"; the fields of the other kind are empty.

    `host` is relative to `zone`, as most providers' forms want it; `full_name` is for those that want it whole.
    `ttl` is in seconds.
    """

    kind: str
    line: str
    record_type: str = ""
    zone: str = ""
    host: str = ""
    full_name: str = ""
    value: str = ""
    ttl: int = 0
    url: str = ""
    path: str = ""
    folder: str = ""
    file_name: str = ""
    content: str = ""

    @property
    def rows(self) -> list[Row]:
        """What stands on the page, in the order of a provider's form."""
        if self.kind == "dns":
            return [
                Row(_("Type"), self.record_type),
                Row(_("Host"), self.host),
                Row(_("Full name"), self.full_name),
                Row(_("Value"), self.value),
            ]
        return [
            Row(_("File name"), self.file_name),
            Row(_("Folder"), self.folder),
            Row(_("Content"), self.content),
            Row(_("Address"), self.url),
        ]


class ProofMethod(Protocol):
    """One way of showing control. `slug` is the challenge type (RFC 8555 §9.7.8) where there is one."""

    @property
    def slug(self) -> str: ...

    @property
    def label(self) -> Text: ...

    @property
    def available(self) -> bool:
        """False while this installation does not offer it; `unavailable_why` then says so to the customer."""
        ...

    @property
    def unavailable_why(self) -> Text: ...

    def can_prove(self, identifier: str, wildcard: bool) -> bool:
        """True if the CAs accept this method for such a name."""
        ...

    def instruction(self, challenge: Challenge, identifier: str) -> Instruction:
        """What to publish for this challenge."""
        ...

    def look(self, authorization: Authorization, challenge: Challenge, now: datetime) -> Finding:
        """Look whether it is published. Raises nothing for what a customer's server does."""
        ...
