"""What a customer sets up once, so that every later proof of a name needs nothing more from them."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from leases import Leased, LeasedQuerySet, due_index
from validation.models.authorization import Authorization
from validation.problems import Finding

if TYPE_CHECKING:
    from accounts.models import User

LABEL_BYTES = 16


def random_label() -> str:
    """128 bits: nobody guesses another customer's label (BR 3.2.2.4.7 asks CAs for as much)."""
    return secrets.token_hex(LABEL_BYTES)


class DelegationQuerySet(LeasedQuerySet["Delegation"]):
    def of(self, user: User) -> Self:
        return self.filter(owner=user)

    def over(self, identifier: str) -> Self:
        """Return the arrangements for exactly this name; a wildcard is proven at the same place as its base."""
        return self.filter(identifier=identifier)

    def standing(self) -> Self:
        """Return those that were in place when we last looked."""
        return self.filter(seen_at__isnull=False, broken_at__isnull=True)


class Delegation(Leased):
    """`_acme-challenge.<identifier>` is an alias of `<label>.<zone>`, or the web server sends challenges on to us.

    The label belongs to one customer and one name for ever: an alias to it says that this customer may prove this
    name, and says nothing about any other customer.
    """

    class Kind(models.TextChoices):
        CNAME = "cname", _("CNAME record")
        REDIRECT = "redirect", _("Redirect on the web server")
        PERSIST = "persist", _("Standing TXT record")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    identifier = models.CharField(_("name"), max_length=253, help_text=_("A-label, without *."))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.CNAME)
    label = models.CharField(_("label"), max_length=32, unique=True, default=random_label, editable=False)
    # Kept with the row: another setting tomorrow must not break what customers have set up.
    zone = models.CharField(_("zone"), max_length=200, blank=True, editable=False)
    # Of a standing record: what it says. The account is this customer's alone (docs/decisions/20261124.dns-persist.md).
    account_uri = models.URLField(_("account at the CA"), max_length=500, blank=True, editable=False)
    issuer = models.CharField(_("CA"), max_length=253, blank=True, editable=False)
    wildcard = models.BooleanField(_("for the wildcard too"), default=False, editable=False)
    created_at = models.DateTimeField(_("offered"))
    asked_at = models.DateTimeField(_("asked to look"), null=True)
    seen_at = models.DateTimeField(_("last seen in place"), null=True)
    broken_at = models.DateTimeField(_("gone since"), null=True)
    warned_at = models.DateTimeField(_("customer told"), null=True)
    finding = models.JSONField(_("last finding"), default=dict)

    objects = DelegationQuerySet.as_manager()

    class Meta:
        verbose_name = _("delegation")
        verbose_name_plural = _("delegations")
        ordering = ["identifier"]
        indexes = [due_index("delegation_due")]
        constraints = [
            models.UniqueConstraint(fields=["owner", "identifier", "kind"], name="delegation_once_per_name")
        ]

    def __str__(self) -> str:
        return f"{self.identifier} {self.get_kind_display()}"

    @property
    def target(self) -> str:
        """What the CNAME points to, without the dot at its end."""
        return f"{self.label}.{self.zone}"

    @property
    def stands(self) -> bool:
        return self.seen_at is not None and self.broken_at is None

    @property
    def last_finding(self) -> Finding | None:
        return Finding.from_json(self.finding)


class PublicationQuerySet(LeasedQuerySet["Publication"]):
    def standing(self) -> Self:
        return self.filter(removed_at__isnull=True)


class Publication(Leased):
    """One TXT value in our own zone, for one authorization; taken away again when that has ended."""

    delegation = models.ForeignKey(
        Delegation, on_delete=models.CASCADE, related_name="publications", db_index=False
    )
    authorization = models.ForeignKey(Authorization, on_delete=models.CASCADE, related_name="publications")
    value = models.CharField(_("value"), max_length=100)
    wanted_at = models.DateTimeField(_("wanted"))
    published_at = models.DateTimeField(_("published"), null=True)
    removed_at = models.DateTimeField(_("removed"), null=True)
    tries = models.PositiveIntegerField(_("failed tries"), default=0)
    problem = models.CharField(_("problem"), max_length=300, blank=True)

    objects = PublicationQuerySet.as_manager()

    class Meta:
        verbose_name = _("publication")
        verbose_name_plural = _("publications")
        default_permissions = ("view",)
        indexes = [due_index("publication_due")]
        constraints = [
            models.UniqueConstraint(fields=["delegation", "value"], name="publication_once_per_value")
        ]

    def __str__(self) -> str:
        return f"{self.delegation} {self.value[:8]}"

    def is_over(self, now: datetime) -> bool:
        """True when the CA has no more use for the value."""
        ended = self.authorization.status != Authorization.Status.PENDING
        expires = self.authorization.expires_at
        return ended or (expires is not None and expires <= now)
