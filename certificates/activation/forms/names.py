"""The lines in which the names of a certificate are typed: as many of each kind as were bought."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _

from identifiers.names import Name, UnacceptableName, parse
from orders.models import Plan


@dataclass(frozen=True)
class Slot:
    """One line; `key` is its field name (single-1, wildcard-2)."""

    number: int
    wildcard: bool

    @property
    def key(self) -> str:
        return f"wildcard-{self.number}" if self.wildcard else f"single-{self.number}"


def slots_of(plan: Plan) -> list[Slot]:
    """Return the plan's lines; a wildcard product shows its wildcards first."""
    singles = [Slot(number, wildcard=False) for number in range(1, plan.single_names + 1)]
    wildcards = [Slot(number, wildcard=True) for number in range(1, plan.wildcard_names + 1)]
    return wildcards + singles if plan.product.wildcard else singles + wildcards


def label_of(slot: Slot, slots: Sequence[Slot]) -> str:
    if len(slots) == 1:
        return _("Common name")
    if slot.wildcard:
        alone = sum(other.wildcard for other in slots) == 1
        return _("Wildcard name") if alone else _("Wildcard name %(number)d") % {"number": slot.number}
    alone = sum(not other.wildcard for other in slots) == 1
    return _("Name") if alone else _("Name %(number)d") % {"number": slot.number}


def placed(names: Iterable[Name], slots: Sequence[Slot]) -> dict[str, str]:
    """Return what stands in each line: the names in their order, as people write them."""
    waiting = list(names)
    texts: dict[str, str] = {}
    for slot in slots:
        name = next((name for name in waiting if name.wildcard == slot.wildcard), None)
        if name is not None:
            waiting.remove(name)
        texts[slot.key] = name.unicode if name is not None else ""
    return texts


def fits(names: Sequence[Name], plan: Plan) -> bool:
    """True if so many names of each kind were bought."""
    wildcards = sum(name.wildcard for name in names)
    return bool(names) and wildcards <= plan.wildcard_names and len(names) - wildcards <= plan.single_names


def read_slot(slot: Slot, text: str, *, allow_ip: bool = False) -> Name:
    """Return the name on one line; on a wildcard line the `*.` may be left out. Raises UnacceptableName."""
    if slot.wildcard and text and not text.lstrip().startswith("*"):
        text = f"*.{text.strip()}"
    name = parse(
        text,
        allow_reserved=settings.VALIDATION_RESERVED_NAMES,
        allow_ip=allow_ip and not slot.wildcard,
    )
    if name.wildcard and not slot.wildcard:
        message = _("“%(name)s” is a wildcard. This line is for a single name: the plan was bought with it.")
        raise UnacceptableName("wildcard_not_bought", text, message % {"name": name.unicode}, name.ascii)
    return name


def read_slots(
    texts: Mapping[str, str], slots: Sequence[Slot], *, allow_ip: bool = False
) -> tuple[dict[str, Name], dict[str, UnacceptableName]]:
    """Return the good names and the refusals, each by its line. Empty lines are in neither."""
    names: dict[str, Name] = {}
    refused: dict[str, UnacceptableName] = {}
    for slot in slots:
        text = texts.get(slot.key, "")
        if not text.strip():
            continue
        try:
            names[slot.key] = read_slot(slot, text, allow_ip=allow_ip)
        except UnacceptableName as refusal:
            refused[slot.key] = refusal
    refused |= _said_twice(names)
    return {key: name for key, name in names.items() if key not in refused}, refused


def _said_twice(names: Mapping[str, Name]) -> dict[str, UnacceptableName]:
    """CAs refuse an order in which a name is doubled, or already covered by a wildcard beside it."""
    refused: dict[str, UnacceptableName] = {}
    seen: set[Name] = set()
    for key, name in names.items():
        cover = next((other for other in names.values() if other != name and other.covers(name)), None)
        if name in seen:
            message = _("“%(name)s” stands on another line already.") % {"name": name.unicode}
            refused[key] = UnacceptableName("duplicate", name.text, message)
        elif cover is not None:
            message = _(
                "“%(name)s” is covered by %(cover)s already. Leave this line empty or enter another name."
            )
            values = {"name": name.unicode, "cover": cover.unicode}
            refused[key] = UnacceptableName("redundant", name.text, message % values)
        seen.add(name)
    return refused
