"""A domain owner was asked by mail whether this customer may have certificates for these names."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.models import User

LIFE = timedelta(days=30)  # CA/B Forum BR 3.2.2.4.4: a random value is good for 30 days at most
NO_ANSWER = timedelta(minutes=30)
SALT = "validation.approval"


def nonce() -> str:
    return secrets.token_hex(16)


def digest(token: str) -> str:
    """What of a token is kept: enough to know it again, not enough to use it."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def of(self, user: User) -> Self:
        return self.filter(owner=user)

    def open(self, now: datetime) -> Self:
        return self.filter(answer="", expires_at__gt=now)

    def given(self, now: datetime) -> Self:
        """Return approvals that still speak for their names."""
        return self.filter(answer=Approval.Answer.APPROVED, withdrawn_at__isnull=True, expires_at__gt=now)

    def by_token(self, token: str) -> Approval | None:
        return self.select_related("owner").filter(token_hash=digest(token)).first()


class Approval(models.Model):
    """The link's token is made from `nonce` and the SECRET_KEY, so that a second mail is the first one again.

    The database alone holds only its hash: who reads the table can approve nothing.
    """

    class Answer(models.TextChoices):
        NONE = "", _("No answer yet")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        REPORTED = "reported", _("Reported as unwanted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    plan_id = models.UUIDField(_("plan"), null=True, db_index=True)
    domain = models.CharField(
        _("domain"), max_length=253, help_text=_("The approval covers it and what lies below.")
    )
    names = models.JSONField(_("names"), help_text=_("What was asked for, as people write it in a SAN."))
    recipient = models.EmailField(_("recipient"), max_length=254)
    source = models.CharField(_("source"), max_length=12)
    nonce = models.CharField(max_length=32, default=nonce, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("until"))
    mails = models.PositiveSmallIntegerField(_("mails"), default=0)
    mailed_at = models.DateTimeField(_("last mail"), null=True)
    answer = models.CharField(_("answer"), max_length=8, choices=Answer.choices, blank=True, default="")
    answered_at = models.DateTimeField(_("answered"), null=True)
    answered_from = models.GenericIPAddressField(_("answered from"), null=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        default_permissions = ("view",)
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["owner", "domain"], name="approval_of_owner")]

    def __str__(self) -> str:
        return f"{self.domain} by {self.recipient}"

    @property
    def token(self) -> str:
        """The single-use random value: 256 bits, of which 128 are random and the rest is our secret."""
        return salted_hmac(SALT, self.nonce, algorithm="sha256").hexdigest()

    def is_open(self, now: datetime) -> bool:
        return self.answer == "" and self.expires_at > now

    def unanswered_for_long(self, now: datetime) -> bool:
        """True when another method should be suggested."""
        return self.is_open(now) and now - (self.mailed_at or self.created_at) >= NO_ANSWER

    def respond(self, answer: str, now: datetime, address: str | None) -> bool:
        """Keep the one answer; False when there was one before, or it came too late."""
        mine = Approval.objects.open(now).filter(pk=self.pk)
        return mine.update(answer=answer, answered_at=now, answered_from=address) == 1
