"""The shop window of a new installation: four products, their prices and the first agreement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from orders import money
from orders.models import Agreement, Price, Product
from orders.models.product import Level
from orders.wording import AGREEMENT_1


@dataclass(frozen=True)
class Offer:
    """One product as it is first put on sale. Prices are whole currency units for 1, 2 and 3 years."""

    slug: str
    title: str
    summary: str
    description: str
    level: Level
    prices: tuple[int, int, int]
    extra_name: tuple[int, int, int]
    extra_wildcard: tuple[int, int, int] | None
    wildcard: bool = False
    names_included: int = 1
    max_names: int = 25
    on_sale: bool = True


def offers() -> list[Offer]:
    """Return the four types, in the order of the shop window."""
    return [
        Offer(
            slug="dv",
            title=_("DV"),
            summary=_("One website, encrypted within minutes."),
            description=_(
                "The CA checks that you control the domain name. For shops, blogs, mail and APIs: "
                "browsers treat it exactly like every other certificate."
            ),
            level=Level.DV,
            prices=(19, 35, 49),
            extra_name=(9, 16, 22),
            extra_wildcard=(75, 139, 199),
        ),
        Offer(
            slug="wildcard-dv",
            title=_("Wildcard DV"),
            summary=_("Every subdomain of one domain, and the domain itself."),
            description=_(
                "One certificate for *.example.com and example.com, however many subdomains you add later. "
                "Control is shown with a DNS record."
            ),
            level=Level.DV,
            prices=(89, 165, 239),
            extra_name=(9, 16, 22),
            extra_wildcard=(75, 139, 199),
            wildcard=True,
            names_included=2,
        ),
        Offer(
            slug="ov",
            title=_("OV"),
            summary=_("The name of your organization stands in the certificate."),
            description=_("The CA checks the domain name and that your organization exists at its address."),
            level=Level.OV,
            prices=(79, 149, 209),
            extra_name=(25, 47, 65),
            extra_wildcard=(149, 279, 399),
            on_sale=False,
        ),
        Offer(
            slug="ev",
            title=_("EV"),
            summary=_("The most thorough check of who runs the website."),
            description=_(
                "The CA checks the domain name, your organization, and that the person who orders may do so."
            ),
            level=Level.EV,
            prices=(149, 279, 399),
            extra_name=(49, 92, 129),
            extra_wildcard=None,
            on_sale=False,
        ),
    ]


def seed(now: datetime, currency: str) -> list[str]:
    """Add what is missing and touch nothing that is there; return the slugs that were added."""
    added = []
    with transaction.atomic():
        for position, offer in enumerate(offers(), start=1):
            if put_on_show(offer, currency, position):
                added.append(offer.slug)
        if not Agreement.objects.exists():
            Agreement.objects.create(version="1", text=AGREEMENT_1, published_at=now)
    return added


def put_on_show(offer: Offer, currency: str, position: int) -> bool:
    """Create the product with its prices; False when it was there, however the operator has changed it since."""
    product, created = Product.objects.get_or_create(
        slug=offer.slug,
        defaults={
            "title": offer.title,
            "summary": offer.summary,
            "description": offer.description,
            "level": offer.level,
            "wildcard": offer.wildcard,
            "names_included": offer.names_included,
            "max_names": offer.max_names,
            "on_sale": offer.on_sale,
            "note": "" if offer.on_sale else _("Opens in a later release"),
            "position": position,
        },
    )
    # A second currency gets its first prices too; a price that the operator deleted does not come back.
    if product.prices.filter(currency=currency).exists():
        return created
    unit = 10 ** money.digits(currency)
    Price.objects.bulk_create(
        Price(
            product=product,
            years=years,
            currency=currency,
            amount=offer.prices[years - 1] * unit,
            extra_name_amount=offer.extra_name[years - 1] * unit,
            extra_wildcard_amount=offer.extra_wildcard[years - 1] * unit if offer.extra_wildcard else None,
        )
        for years in (1, 2, 3)
    )
    return created
