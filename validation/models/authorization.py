"""What must be shown for a name, and what the CA said about it (RFC 8555 §7.1.4 to §7.1.6)."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from leases import Leased, LeasedQuerySet, due_index


class Method(models.TextChoices):
    HTTP = "http-01", _("HTTP")
    DNS = "dns-01", _("DNS TXT Record")
    EMAIL = "email", _("Email")


class AuthorizationQuerySet(LeasedQuerySet["Authorization"]):
    pass


class Authorization(Leased):
    """One name to be shown at one CA account, by one customer.

    Issuance opens and closes these rows and copies the CA's status into them. The lookout only writes
    `shown_at`, `finding` and its own `due_at`: it never talks to the CA.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")  # customer, then us
        VALID = "valid", _("Valid")
        INVALID = "invalid", _("Invalid")  # customer: a new order is needed
        DEACTIVATED = "deactivated", _("Deactivated")
        EXPIRED = "expired", _("Expired")
        REVOKED = "revoked", _("Revoked")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    plan_id = models.UUIDField(_("plan"), null=True, db_index=True, help_text=_("For the timeline only."))
    url = models.URLField(_("URL at the CA"), max_length=500, unique=True)
    identifier = models.CharField(_("name"), max_length=253, help_text=_("A-label, without *."))
    wildcard = models.BooleanField(_("wildcard"), default=False)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.PENDING)
    method = models.CharField(_("method"), max_length=10, choices=Method.choices)
    expires_at = models.DateTimeField(_("expires"), null=True)
    created_at = models.DateTimeField(_("opened"))
    shown_at = models.DateTimeField(_("seen in place"), null=True, help_text=_("When we last saw what the CA will want."))
    finding = models.JSONField(_("last finding"), default=dict)
    looks = models.PositiveIntegerField(_("looks"), default=0)
    insisted_at = models.DateTimeField(_("customer insisted"), null=True)
    problem = models.JSONField(_("problem at the CA"), null=True)

    objects = AuthorizationQuerySet.as_manager()

    class Meta:
        verbose_name = _("authorization")
        verbose_name_plural = _("authorizations")
        ordering = ["identifier", "wildcard"]
        indexes = [
            due_index("authorization_due"),
            models.Index(fields=["owner", "identifier"], name="authorization_of_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.text}: {self.status}"

    @property
    def text(self) -> str:
        return f"*.{self.identifier}" if self.wildcard else self.identifier

    def challenge(self) -> Challenge | None:
        """Return the challenge of the chosen method, None when the CA did not offer it."""
        return next((c for c in self.challenges.all() if c.type == self.method), None)

    def look_now(self, now: datetime) -> bool:
        """Ask for a look at once; False when the story is over (its due_at is null)."""
        return Authorization.objects.filter(pk=self.pk, due_at__isnull=False).update(due_at=now) == 1


class Challenge(models.Model):
    """One way to show control. `key_authorization` is what must be published (RFC 8555 §8.1)."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        PROCESSING = "processing", _("Processing")
        VALID = "valid", _("Valid")
        INVALID = "invalid", _("Invalid")

    authorization = models.ForeignKey(Authorization, on_delete=models.CASCADE, related_name="challenges")
    url = models.URLField(_("URL at the CA"), max_length=500)
    type = models.CharField(_("type"), max_length=40)
    token = models.CharField(_("token"), max_length=200, blank=True)
    key_authorization = models.CharField(_("key authorization"), max_length=300, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    answered_at = models.DateTimeField(_("CA was asked to look"), null=True)
    problem = models.JSONField(_("problem"), null=True)

    class Meta:
        verbose_name = _("challenge")
        verbose_name_plural = _("challenges")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["authorization", "url"], name="challenge_once")]

    def __str__(self) -> str:
        return f"{self.type} of {self.authorization_id}"
