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

from accounts.models import Letter
from identifiers.names import Name
from leases import Leased, LeasedQuerySet, due_index

if TYPE_CHECKING:
    from accounts.models import User

LIFE = timedelta(days=30)  # CA/B Forum BR 3.2.2.4.4: a random value is good for 30 days at most
NO_ANSWER = timedelta(minutes=30)
SALT = "validation.approval"


def nonce() -> str:
    return secrets.token_hex(16)


def token_of(nonce: str, secret: str) -> str:
    """The single-use random value: 256 bits, of which 128 are random and the rest is our secret."""
    return salted_hmac(SALT, nonce, secret=secret, algorithm="sha256").hexdigest()


def digest(token: str) -> str:
    """What of a token is kept: enough to know it again, not enough to use it."""
    return hashlib.sha256(token.encode()).hexdigest()


def covers(domain: str, name: Name) -> bool:
    """True if whoever answers for this domain may speak for the name: it is the domain itself, or lies below it."""
    return not name.is_ip and (name.ascii == domain or name.ascii.endswith(f".{domain}"))


class ApprovalQuerySet(LeasedQuerySet["Approval"]):
    owner_path = "owner_id"

    def of(self, user: User) -> Self:
        return self.filter(owner=user)

    def open(self, now: datetime) -> Self:
        """Return requests that can still be answered."""
        return self.filter(answer=Approval.Answer.NONE, withdrawn_at__isnull=True, expires_at__gt=now)

    def given(self, now: datetime) -> Self:
        """Return approvals that still speak for their names."""
        return self.filter(answer=Approval.Answer.APPROVED, withdrawn_at__isnull=True, good_until__gt=now)

    def by_token(self, token: str) -> Approval | None:
        return self.select_related("owner").filter(token_hash=digest(token)).first()


class Approval(Leased):
    """The link's token is made from `nonce` and the SECRET_KEY, so that a second mail is the first one again.

    The database alone holds only its hash: who reads the table can approve nothing. `due_at` is set while a mail is
    to be written. `names` are exactly those that the mail and the page showed; nothing else is ever approved.
    """

    class Answer(models.TextChoices):
        NONE = "", _("No answer yet")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        REPORTED = "reported", _("Reported as unwanted")

    class Mode(models.TextChoices):
        ASSISTED = "assisted", _("Then a record or a file proves the name")
        PREVALIDATED = "prevalidated", _("The name is known at the CA")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    plan_id = models.UUIDField(_("plan"), null=True, db_index=True)
    domain = models.CharField(
        _("domain"), max_length=253, help_text=_("The approval covers it and what lies below.")
    )
    names = models.JSONField(_("names"), help_text=_("What was asked for, as people write it in a SAN."))
    mode = models.CharField(_("what follows"), max_length=12, choices=Mode.choices, default=Mode.ASSISTED)
    recipient = models.EmailField(_("recipient"), max_length=254)
    asker_name = models.CharField(_("who asks"), max_length=120, blank=True)
    asker_email = models.EmailField(_("address of who asks"), max_length=254, blank=True)
    nonce = models.CharField(max_length=32, default=nonce, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("link good until"))
    mails = models.PositiveSmallIntegerField(_("mails"), default=0)
    mailed_at = models.DateTimeField(_("last mail"), null=True)
    letter = models.ForeignKey(
        Letter, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("last mail")
    )
    tries = models.PositiveSmallIntegerField(_("failed look-ups"), default=0)
    problem = models.CharField(_("why not mailed"), max_length=40, blank=True)
    answer = models.CharField(_("answer"), max_length=8, choices=Answer.choices, blank=True, default="")
    answered_at = models.DateTimeField(_("answered"), null=True)
    answered_from = models.GenericIPAddressField(_("answered from"), null=True)
    good_until = models.DateTimeField(_("approval good until"), null=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")
        default_permissions = ("view",)
        ordering = ["-created_at"]
        indexes = [
            due_index("approval_due"),
            models.Index(fields=["owner", "domain"], name="approval_of_owner"),
            models.Index(fields=["recipient", "created_at"], name="approval_of_recipient"),
        ]

    def __str__(self) -> str:
        return f"{self.domain} by {self.recipient}"

    def token(self) -> str:
        """Return the value of the mailed link. Raises LookupError when the SECRET_KEY it was made with is gone."""
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            made = token_of(self.nonce, secret)
            if digest(made) == self.token_hash:
                return made
        raise LookupError(f"the link of approval {self.pk} was made with another secret")

    @property
    def prevalidated(self) -> bool:
        return self.mode == Approval.Mode.PREVALIDATED

    def is_open(self, now: datetime) -> bool:
        return self.answer == "" and self.withdrawn_at is None and self.expires_at > now

    def is_given(self, now: datetime) -> bool:
        good = self.good_until is not None and self.good_until > now
        return self.answer == Approval.Answer.APPROVED and self.withdrawn_at is None and good

    def speaks_for(self, name: Name) -> bool:
        """True if exactly this name was shown to the domain's owner, and the domain lies at it or above."""
        return name.text in self.names and covers(self.domain, name)

    def unanswered_for_long(self, now: datetime) -> bool:
        """True when another method should be suggested."""
        return self.is_open(now) and now - self.created_at >= NO_ANSWER

    def respond(self, answer: str, now: datetime, address: str | None, good_until: datetime | None) -> bool:
        """Keep the one answer; False when there was one before, or it came too late."""
        mine = Approval.objects.open(now).filter(pk=self.pk)
        return (
            mine.update(
                answer=answer,
                answered_at=now,
                answered_from=address,
                good_until=good_until,
                due_at=None,
                lease_until=None,
            )
            == 1
        )
