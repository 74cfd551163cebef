"""What must be shown for a name, and what the CA said about it (RFC 8555 §7.1.4 to §7.1.6)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from leases import Leased, LeasedQuerySet, due_index
from validation.problems import Finding

if TYPE_CHECKING:
    from accounts.models import User


class Method(models.TextChoices):
    HTTP = "http-01", _("HTTP")
    DNS = "dns-01", _("DNS TXT Record")
    EMAIL = "email", _("Email")
    PERSIST = "dns-persist-01", _("Standing DNS record")


class AuthorizationQuerySet(LeasedQuerySet["Authorization"]):
    """Sentences about names that are to be shown."""

    owner_path = "owner_id"

    def of(self, user: User) -> Self:
        return self.filter(owner=user)

    def pending(self) -> Self:
        return self.filter(status=Authorization.Status.PENDING)

    def shown(self) -> Self:
        """Return what was in place when we last looked, or what the customer insists on."""
        return self.filter(Q(shown_at__isnull=False) | Q(insisted_at__isnull=False))

    def waiting(self) -> Self:
        """Return pending names that we have not seen in place and are still looking at."""
        return self.pending().filter(shown_at__isnull=True, due_at__isnull=False)

    def ask(self, pk: uuid.UUID, now: datetime, gap: timedelta) -> bool:
        """Make a waiting row due at once, unless somebody asked less than `gap` ago; True if it was made so."""
        rested = Q(asked_at__isnull=True) | Q(asked_at__lte=now - gap)
        return self.waiting().filter(rested, pk=pk).update(due_at=now, asked_at=now) == 1


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
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    plan_id = models.UUIDField(_("plan"), null=True, db_index=True, help_text=_("For the timeline only."))
    url = models.URLField(_("URL at the CA"), max_length=500, unique=True)
    identifier = models.CharField(_("name"), max_length=253, help_text=_("A-label, without *."))
    wildcard = models.BooleanField(_("wildcard"), default=False)
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.PENDING)
    method = models.CharField(_("method"), max_length=20, choices=Method.choices)
    expires_at = models.DateTimeField(_("expires"), null=True)
    created_at = models.DateTimeField(_("opened"))
    shown_at = models.DateTimeField(
        _("seen in place"), null=True, help_text=_("When we last saw what the CA will want.")
    )
    finding = models.JSONField(_("last finding"), default=dict)
    looks = models.PositiveIntegerField(_("looks"), default=0)
    asked_at = models.DateTimeField(
        _("asked to look"), null=True, help_text=_("When somebody last pressed the button.")
    )
    method_at = models.DateTimeField(_("method chosen"), null=True)
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

    @property
    def last_finding(self) -> Finding | None:
        """What we saw when we last looked; None before the first look."""
        return Finding.from_json(self.finding)

    @property
    def quick_since(self) -> datetime:
        """The moment from which looks follow each other quickly: the last thing the customer did here."""
        return max(at for at in (self.created_at, self.method_at, self.asked_at) if at is not None)

    def look_now(self, now: datetime) -> bool:
        """Ask for a look at once; False when the story is over (its due_at is null)."""
        return Authorization.objects.filter(pk=self.pk, due_at__isnull=False).update(due_at=now) == 1

    def look_again(self, now: datetime) -> bool:
        """Look afresh at a pending name that may have been shown long ago; False when it is not pending."""
        mine = Authorization.objects.pending().filter(pk=self.pk)
        return mine.update(due_at=now, shown_at=None) == 1

    def choose(self, method: str, now: datetime) -> bool:
        """Show the name by another method from now on; False when it is not pending. Raises ValueError."""
        if method not in Method.values:
            raise ValueError(f"no such method: {method!r}")
        chosen = (
            Authorization.objects.pending()
            .filter(pk=self.pk)
            .update(
                method=method,
                method_at=now,
                due_at=now,
                shown_at=None,
                insisted_at=None,
                finding={},
                # A look by the old method that is under way must not write its result into the new one.
                epoch=F("epoch") + 1,
                lease_until=None,
            )
        )
        return chosen == 1

    def insist(self, now: datetime) -> bool:
        """Let the CA be asked although we do not see it in place; False when it is not pending."""
        return Authorization.objects.pending().filter(pk=self.pk).update(insisted_at=now) == 1


class Challenge(models.Model):
    """One way to show control. `key_authorization` is what must be published (RFC 8555 §8.1)."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        PROCESSING = "processing", _("Processing")
        VALID = "valid", _("Valid")
        INVALID = "invalid", _("Invalid")

    authorization = models.ForeignKey(
        Authorization, on_delete=models.CASCADE, related_name="challenges", db_index=False
    )
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
