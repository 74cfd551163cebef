"""What the CA signed: chain, serial, fingerprint, dates."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Value
from django.utils.translation import gettext_lazy as _

from certificates.models.account import CaAccount
from certificates.models.issuance import Issuance
from orders.models import Plan

if TYPE_CHECKING:
    from accounts.models import User


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def of(self, user: User) -> Self:
        """Return the certificates that exist for this person; a stranger's does not."""
        return self.filter(owner=user)

    def current(self, now: datetime) -> Self:
        return self.filter(state=Certificate.State.VALID, not_after__gt=now)

    def with_a_third_left(self, now: datetime) -> Self:
        """Return those of whose lifetime a third or less is left, the customary time to renew (`standing.reissue_due_at`)."""
        left = models.ExpressionWrapper(F("not_after") - Value(now), models.DurationField())
        life = models.ExpressionWrapper(F("not_after") - F("not_before"), models.DurationField())
        # Not divided: SQLite would make a fraction of it, which is no time any more.
        thrice = models.ExpressionWrapper(left * 3, models.DurationField())
        return self.alias(thrice_left=thrice, life=life).filter(thrice_left__lte=F("life"))


class Certificate(models.Model):
    """`leaf_pem` and `chain_pem` together are the full chain, leaf first, without the root."""

    class State(models.TextChoices):
        VALID = "valid", _("Valid")
        SUPERSEDED = "superseded", _("Superseded")
        REVOKED = "revoked", _("Revoked")
        EXPIRED = "expired", _("Expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    issuance = models.OneToOneField(Issuance, on_delete=models.PROTECT, related_name="certificate")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="certificates")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    account = models.ForeignKey(
        CaAccount, on_delete=models.PROTECT, null=True, related_name="certificates", editable=False
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.VALID)
    names = models.JSONField(_("names"), help_text=_("As in the SAN."))
    leaf_pem = models.TextField(_("certificate"))
    chain_pem = models.TextField(_("intermediates"), blank=True)
    serial = models.CharField(_("serial number"), max_length=64, help_text=_("Hexadecimal."))
    issuer = models.CharField(_("issuer"), max_length=300)
    fingerprint = models.CharField(_("SHA-256 fingerprint"), max_length=64, unique=True)
    spki_sha256 = models.CharField(_("public key SHA-256"), max_length=64, db_index=True)
    not_before = models.DateTimeField(_("valid from"))
    not_after = models.DateTimeField(_("valid until"), db_index=True)
    issued_at = models.DateTimeField(_("issued"))
    installed_at = models.DateTimeField(_("seen installed"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        ordering = ["-issued_at"]
        constraints = [
            models.UniqueConstraint(fields=["issuer", "serial"], name="certificate_serial_once_per_issuer")
        ]
        indexes = [
            models.Index(fields=["owner", "-issued_at"], name="certificate_of_owner"),
            models.Index(fields=["-issued_at", "-id"], name="certificate_newest"),  # the admin's list
        ]

    def __str__(self) -> str:
        return f"{self.names[0] if self.names else ''} {self.serial[:12]}"

    @property
    def revocation_under_way(self) -> bool:
        """True from the request until the CA has revoked it, or has refused for certain."""
        asked = getattr(self, "revocation", None)
        return asked is not None and asked.under_way

    @property
    def revocation_refused(self) -> bool:
        asked = getattr(self, "revocation", None)
        return asked is not None and asked.refused
