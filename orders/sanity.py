"""Do these names suit this product? Asked at the order page, before anybody pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from identifiers.names import Name
from orders.models import Product
from orders.pricing import extras


@dataclass(frozen=True)
class Refusal:
    """The order cannot go on like this. `record` is the exact line to publish where that would help, else ""."""

    message: str
    name: Name | None = None
    record: str = ""


@dataclass(frozen=True)
class Notice:
    """Worth knowing, no obstacle. `add` is a name that the page offers to add, else None."""

    message: str
    name: Name | None = None
    add: Name | None = None


Finding = Refusal | Notice
Check = Callable[[Product, list[Name]], list[Finding]]


@dataclass(frozen=True)
class Findings:
    """What all checks said, refusals first."""

    refusals: tuple[Refusal, ...] = ()
    notices: tuple[Notice, ...] = ()


def suits_product(product: Product, names: list[Name]) -> list[Finding]:
    """Refuse names that this product cannot carry."""
    findings: list[Finding] = []
    if len(names) > product.max_names:
        text = _("%(product)s carries at most %(most)d names; these are %(count)d.")
        findings.append(
            Refusal(text % {"product": product.title, "most": product.max_names, "count": len(names)})
        )
    if product.wildcard and names and not names[0].wildcard:
        text = _("The first name of %(product)s is a wildcard. Did you mean *.%(name)s?")
        findings.append(Refusal(text % {"product": product.title, "name": names[0].unicode}, names[0]))
    if not wildcards_offered(product):
        allowed = 1 if product.wildcard else 0
        for name in [name for name in names if name.wildcard][allowed:]:
            text = _("%(product)s cannot carry %(name)s. Choose a wildcard product for it.")
            findings.append(Refusal(text % {"product": product.title, "name": name.unicode}, name))
    return findings


def names_covered_twice(product: Product, names: list[Name]) -> list[Finding]:
    """Tell of names that a wildcard of the same order covers already: they would be paid for nothing."""
    findings: list[Finding] = []
    wildcards = [name for name in names if name.wildcard]
    for name in names:
        for wildcard in wildcards:
            if name != wildcard and wildcard.covers(name):
                text = _("%(name)s is covered by %(wildcard)s already; you may leave it out.")
                findings.append(Notice(text % {"name": name.unicode, "wildcard": wildcard.unicode}, name))
    return findings


def neighbours(product: Product, names: list[Name]) -> list[Finding]:
    """Offer www beside the bare domain and the bare domain beside www or a wildcard: each is a name of its own."""
    findings: list[Finding] = []
    offered: set[Name] = set()
    for name in names:
        other = neighbour(name)
        if other is None or other in offered or any(have.covers(other) for have in names):
            continue
        if len(names) + len(offered) >= product.max_names:
            break
        offered.add(other)
        if extras(product, [*names, other]) == extras(product, names):
            text = _("%(name)s does not cover %(other)s. Adding it costs nothing more.")
        else:
            text = _("%(name)s does not cover %(other)s.")
        findings.append(Notice(text % {"name": name.unicode, "other": other.unicode}, name, add=other))
    return findings


def neighbour(name: Name) -> Name | None:
    """Return the name that visitors type as well, or None for a name that has no such twin."""
    if name.is_ip:
        return None
    if name.wildcard:
        return name.base
    if name.ascii == name.registrable:
        return Name(f"www.{name.ascii}")
    if name.ascii == f"www.{name.registrable}":
        return Name(name.registrable)
    return None


def wildcards_offered(product: Product) -> bool:
    """Can wildcards be bought as extra names, at any term?"""
    return any(price.extra_wildcard_amount is not None for price in product.prices.all())


# Asked while the customer types: no network, no waiting.
QUICK_CHECKS: dict[str, Check] = {
    "product": suits_product,
    "twice": names_covered_twice,
    "neighbours": neighbours,
}
# Asked once more, after the quick ones, at `Check out`; the hall adds what needs other rooms (CAA).
CHECKS: dict[str, Check] = {}


def look_quickly(product: Product, names: list[Name]) -> Findings:
    return _gather(QUICK_CHECKS, product, names)


def look(product: Product, names: list[Name]) -> Findings:
    """Run every check. May ask the network (CHECKS): call it outside a transaction."""
    quick = look_quickly(product, names)
    if quick.refusals:
        return quick
    slow = _gather(CHECKS, product, names)
    return Findings(slow.refusals, quick.notices + slow.notices)


def _gather(checks: dict[str, Check], product: Product, names: list[Name]) -> Findings:
    found = [finding for check in checks.values() for finding in check(product, names)]
    return Findings(
        tuple(finding for finding in found if isinstance(finding, Refusal)),
        tuple(finding for finding in found if isinstance(finding, Notice)),
    )
