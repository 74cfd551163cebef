"""An account at a CA, and which products it can fulfil."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models import Product
from validation.approval import until

if TYPE_CHECKING:
    from collections.abc import Sequence


class CaAccountQuerySet(models.QuerySet["CaAccount"]):
    def for_product(self, product: Product) -> Self:
        """Return the enabled accounts that can fulfil the product, first choice first."""
        return self.filter(enabled=True, issuers__product=product).order_by("issuers__position", "name")

    def house(self) -> Self:
        """Return the accounts that an operator has set up; those opened for one customer each hang on one of them."""
        return self.filter(parent__isnull=True)

    def resting(self, now: datetime) -> Self:
        """Return the accounts whose CA is left in peace since it does not answer (certificates/issuance/breaker.py)."""
        return self.filter(resting_until__gt=now)

    def same_ca(self, account: CaAccount) -> Self:
        """Return all accounts at this one's CA: what is down for one is down for all."""
        return self.filter(directory_url=account.directory_url)


class CaAccount(models.Model):
    """The account key is sealed like a customer's. `paused_why` is set while an operator is needed (RFC 8555 userActionRequired ...)."""

    class EmailMode(models.TextChoices):
        OFF = "off", _("Off")
        ASSISTED = "assisted", _("Assisted: the owner approves, a record or file proves the name")
        PREVALIDATED = "prevalidated", _("Prevalidated: the CA knows the names as valid already")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    connector = models.CharField(_("connector"), max_length=20, default="acme")
    directory_url = models.URLField(_("directory URL"), max_length=300)
    roots_pem = models.TextField(
        _("extra trust anchors"),
        blank=True,
        help_text=_("PEM. Only for a CA whose own web server is not publicly trusted."),
    )
    contact = models.EmailField(_("contact"), max_length=254, blank=True)
    eab_kid = models.CharField(_("EAB key id"), max_length=200, blank=True)
    eab_reusable = models.BooleanField(
        _("EAB may be used again"),
        default=False,
        help_text=_("The CA lets one binding open several accounts. Else its key is forgotten once used."),
    )
    sealed_eab_hmac = models.BinaryField(null=True, editable=False)
    sealed_key = models.BinaryField(null=True, editable=False)
    # Committed before keyChange, so that whatever dies there the account is never without its key (RFC 8555 §7.3.5).
    sealed_next_key = models.BinaryField(null=True, editable=False)
    next_key_made_at = models.DateTimeField(null=True, editable=False)
    # While the key is being changed: until then one process is at it, and orders stand still.
    next_key_at = models.DateTimeField(null=True, editable=False)
    account_url = models.URLField(_("account URL"), max_length=500, blank=True, editable=False)
    # When the CA last made an account for this key: a second time only after it has lost the first, and all its orders.
    opened_at = models.DateTimeField(null=True, editable=False)
    terms_agreed_at = models.DateTimeField(_("terms agreed"), null=True, blank=True)
    caa_identities = models.JSONField(_("CAA issuer names"), default=list, blank=True)
    terms_url = models.URLField(_("terms agreed to"), max_length=500, blank=True, editable=False)
    terms_offered = models.URLField(
        _("terms of service"), max_length=500, blank=True, editable=False, help_text=_("As the CA last said.")
    )
    terms_offered_at = models.DateTimeField(null=True, editable=False)
    profile = models.CharField(
        _("profile"),
        max_length=60,
        blank=True,
        help_text=_("For products that name none of their own. Empty: the CA's default."),
    )
    profiles = models.JSONField(
        _("profiles"),
        default=dict,
        blank=True,
        editable=False,
        help_text=_("Name and description, from the CA."),
    )
    pending_lives = models.JSONField(
        _("time left to show a name"),
        default=dict,
        editable=False,
        help_text=_("Seconds by profile, as measured on new authorizations."),
    )
    # Since when that is too short for people: times by profile, as text in ISO 8601.
    short_since = models.JSONField(default=dict, editable=False)
    has_renewal_info = models.BooleanField(
        _("tells when to renew"), default=False, editable=False, help_text=_("RFC 9773")
    )
    offers_persist = models.BooleanField(
        _("takes a standing record"),
        default=False,
        editable=False,
        help_text=_("dns-persist-01, as seen on its authorizations"),
    )
    preferred_root = models.CharField(
        _("preferred chain"),
        max_length=200,
        blank=True,
        help_text=_("Common name of the root or of the last issuer. Empty: the CA's default chain."),
    )
    email_mode = models.CharField(
        _("Email method"), max_length=12, choices=EmailMode.choices, default=EmailMode.OFF
    )
    publicly_trusted = models.BooleanField(
        _("publicly trusted"),
        default=True,
        help_text=_("The rules of the browsers bind it: its Email method ends by itself on 15 March 2028."),
    )
    shared = models.BooleanField(
        _("shared between customers"),
        default=True,
        help_text=_(
            "Authorizations are given back after each issue, so that no customer inherits another's."
        ),
    )
    per_customer = models.BooleanField(
        _("one account per customer"),
        default=False,
        help_text=_("Each customer gets an account at the CA; this one is only their pattern."),
    )
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="children",
        db_index=False,
    )
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    resting_until = models.DateTimeField(_("left in peace until"), null=True, editable=False)
    trouble = models.CharField(_("trouble"), max_length=300, blank=True, editable=False)
    # Until when no new order is sent, and whose refusal that comes from (certificates/issuance/holding.py).
    orders_held = models.JSONField(null=True, editable=False)
    paused_at = models.DateTimeField(_("paused"), null=True, blank=True, editable=False)
    paused_why = models.TextField(_("why paused"), blank=True, editable=False)
    paused_link = models.URLField(_("where the CA waits for us"), max_length=500, blank=True, editable=False)
    products = models.ManyToManyField(Product, through="ProductIssuer", related_name="ca_accounts")

    objects = CaAccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("CA account")
        verbose_name_plural = _("CA accounts")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["parent", "customer"], name="one_ca_account_per_customer")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def house_account(self) -> CaAccount:
        """Return the account that an operator has set up: this one, or the pattern of one customer's."""
        return self.parent or self

    @property
    def stands_still(self) -> bool:
        """True while an operator is needed here or at the pattern of this account."""
        return self.paused_at is not None or self.house_account.paused_at is not None

    @property
    def is_usable(self) -> bool:
        """True if orders may begin here: neither this account nor its pattern is disabled."""
        return self.enabled and self.house_account.enabled

    def email_mode_at(self, now: datetime) -> str:
        """Return the Email mode in force: the pattern's, and OFF once the rules end it (validation/approval/until.py)."""
        house = self.house_account
        ended = not until.allowed(now, public=house.publicly_trusted)
        return str(self.EmailMode.OFF if ended else house.email_mode)

    @property
    def has_new_terms(self) -> bool:
        """True if the CA's terms are no longer those that were agreed to (RFC 8555 §7.3.3)."""
        return bool(self.terms_offered) and self.terms_offered != self.terms_url

    def pause(self, why: str, now: datetime, link: str = "") -> bool:
        """Stop this CA's queue until an operator resumes it; False when it was paused already.

        `link` is where the CA waits for the operator (RFC 8555 §7.3.3, `instance`).
        """
        running = CaAccount.objects.filter(pk=self.pk, paused_at__isnull=True)
        return running.update(paused_at=now, paused_why=why, paused_link=link[:500]) == 1

    def resume(self) -> bool:
        paused = CaAccount.objects.filter(pk=self.pk, paused_at__isnull=False)
        return paused.update(paused_at=None, paused_why="", paused_link="") == 1

    def caa_names(self) -> Sequence[str]:
        """Return the issuer domain names that CAA records may name (RFC 8659 §4.2)."""
        return list(self.caa_identities or [])


class ProductIssuer(models.Model):
    """This account can fulfil this product; the lowest position is asked first."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="issuers", db_index=False)
    account = models.ForeignKey(CaAccount, on_delete=models.CASCADE, related_name="issuers")
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    profile = models.CharField(
        _("profile"), max_length=60, blank=True, help_text=_("Empty: the account's own.")
    )

    class Meta:
        verbose_name = _("issuer of a product")
        verbose_name_plural = _("issuers of products")
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["product", "account"], name="issuer_once_per_product")]

    def __str__(self) -> str:
        return f"{self.product} by {self.account}"
