"""A line of a zone file, taken apart into what a DNS provider's form asks for."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from validation.providers import Provider, relative


@dataclass(frozen=True)
class Row:
    """One field of a form: what it is called, and the exact text. `typed` is False for a word about the field itself."""

    label: str
    value: str
    typed: bool = True


@dataclass(frozen=True)
class ZoneLine:
    """`owner` without its last dot; `value` as the zone file has it."""

    owner: str
    record_type: str
    value: str
    ttl: int | None = None

    @classmethod
    def of(cls, line: str) -> ZoneLine | None:
        """Read `name. [ttl] [IN] TYPE value`; None for a line that is none, such as the content of a file."""
        owner, _blank, rest = line.partition(" ")
        words = rest.split(" ")
        ttl = int(words.pop(0)) if words and words[0].isdigit() else None
        if words and words[0] == "IN":
            words.pop(0)
        if len(words) < 2 or not owner.endswith(".") or not words[0].isupper():
            return None
        return cls(owner.removesuffix("."), words[0], " ".join(words[1:]), ttl)

    def rows(self, provider: Provider | None, zone: str) -> list[Row]:
        """What to type, field by field, in the words of the provider's form where we know it."""
        if provider is None:
            names = [Row(_("Host"), relative(self.owner, zone)), Row(_("Full name"), self.owner)]
        else:
            host = provider.host_of(self.owner, zone)
            names = [Row(provider.host, host or _("leave it empty"), typed=bool(host))]
        return [Row(_("Type"), self.record_type), *names, *self._content(provider)]

    def _content(self, provider: Provider | None) -> list[Row]:
        if self.record_type == "CAA":
            flags, tag, value = [*self.value.split(" ", 2), "", ""][:3]
            return [Row(_("Flags"), flags), Row(_("Tag"), tag), Row(_("Value"), value.strip('"'))]
        if self.record_type == "CNAME":
            value = self.value if provider is None else provider.value_of("CNAME", self.value)
            return [Row(_("Target"), value)]
        if provider is None:
            return [Row(_("Value"), self.value.strip('"'))]
        return [Row(provider.value, provider.value_of(self.record_type, self.value))]
