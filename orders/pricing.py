"""What a product costs for these names and this term: pure arithmetic on whole minor units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import ngettext

from identifiers.names import Name
from orders.models import Price, Product


class NotForSale(Exception):
    """This product has no price for that term in that currency."""


class WildcardNotOffered(Exception):
    """This product cannot carry that many wildcard names."""


@dataclass(frozen=True)
class Line:
    """One line of a quote; `amount` is for the whole line, in minor units."""

    title: str
    amount: int


@dataclass(frozen=True)
class Quote:
    """`total` is the sum of the lines, in minor units of `currency`."""

    lines: tuple[Line, ...]
    total: int
    currency: str


def quote(product: Product, names: Sequence[Name], years: int, currency: str) -> Quote:
    """Price the names for the term. Raises NotForSale and WildcardNotOffered."""
    for price in product.prices.all():
        if price.years == years and price.currency == currency:
            return reckon(price, names)
    raise NotForSale(f"{product.slug}: {years} years in {currency}")


def reckon(price: Price, names: Sequence[Name]) -> Quote:
    """Price the names by one row of the price list. Raises WildcardNotOffered."""
    product = price.product
    extra_names, extra_wildcards = extras(product, names)
    lines = [Line(title_of(product, price.years), price.amount)]
    if extra_names:
        title = ngettext("%(count)d more name", "%(count)d more names", extra_names) % {"count": extra_names}
        lines.append(Line(title, extra_names * price.extra_name_amount))
    if extra_wildcards:
        if price.extra_wildcard_amount is None:
            raise WildcardNotOffered(product.slug)
        title = ngettext("%(count)d more wildcard", "%(count)d more wildcards", extra_wildcards)
        lines.append(Line(title % {"count": extra_wildcards}, extra_wildcards * price.extra_wildcard_amount))
    return Quote(tuple(lines), sum(line.amount for line in lines), price.currency)


def extras(product: Product, names: Sequence[Name]) -> tuple[int, int]:
    """Return how many single names and how many wildcards go beyond the base price.

    The base price of a wildcard product holds one wildcard; whatever else is included is single names.
    """
    wildcards = sum(name.wildcard for name in names)
    singles = len(names) - wildcards
    included_wildcards = 1 if product.wildcard else 0
    included_singles = product.names_included - included_wildcards
    return max(0, singles - included_singles), max(0, wildcards - included_wildcards)


def title_of(product: Product, years: int) -> str:
    """Return what stands on the bill for the base price."""
    title = ngettext("%(product)s, %(years)d year", "%(product)s, %(years)d years", years)
    return title % {"product": product.title, "years": years}
