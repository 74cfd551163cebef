"""What is for sale, and for how much."""

from __future__ import annotations

from typing import Self

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Level(models.TextChoices):
    DV = "dv", _("Domain validation")
    OV = "ov", _("Organization validation")
    EV = "ev", _("Extended validation")


class ProductQuerySet(models.QuerySet["Product"]):
    def shown(self) -> Self:
        """Return what the shop window shows, in its order, with prices."""
        return self.filter(shown=True).prefetch_related("prices").order_by("position")

    def on_sale(self) -> Self:
        return self.filter(shown=True, on_sale=True)


class Product(models.Model):
    """One type of certificate. `names_included` of `max_names` are in the base price; more are priced per name."""

    slug = models.SlugField(_("slug"), unique=True)
    title = models.CharField(_("title"), max_length=80)
    summary = models.CharField(_("in one sentence"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    level = models.CharField(_("level"), max_length=2, choices=Level.choices)
    wildcard = models.BooleanField(_("wildcard"), default=False, help_text=_("The first name is *.domain."))
    ip_addresses = models.BooleanField(
        _("IP addresses too"),
        default=False,
        help_text=_("RFC 8738. Few CAs offer it, some for a few days only."),
    )
    names_included = models.PositiveSmallIntegerField(_("names included"), default=1)
    max_names = models.PositiveSmallIntegerField(_("names at most"), default=25)
    shown = models.BooleanField(_("shown"), default=True)
    on_sale = models.BooleanField(_("on sale"), default=True)
    note = models.CharField(_("note while not on sale"), max_length=200, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["position"]

    def __str__(self) -> str:
        return self.title


class Price(models.Model):
    """All amounts are whole minor units (cents) of `currency`, for the whole term of `years`."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="prices", db_index=False)
    years = models.PositiveSmallIntegerField(_("years"), validators=[MinValueValidator(1)])
    currency = models.CharField(_("currency"), max_length=3)
    amount = models.PositiveIntegerField(_("amount"))
    extra_name_amount = models.PositiveIntegerField(_("each extra name"), default=0)
    extra_wildcard_amount = models.PositiveIntegerField(
        _("each extra wildcard"), null=True, blank=True, help_text=_("Empty: not offered.")
    )

    class Meta:
        verbose_name = _("price")
        verbose_name_plural = _("prices")
        ordering = ["years"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "years", "currency"], name="price_once_per_term_and_currency"
            )
        ]

    def __str__(self) -> str:
        return f"{self.product} {self.years} y {self.currency}"
