"""A certificate that shall not be trusted any longer: who wants it, why, and whether the CA has done it."""

from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from certificates.models.certificate import Certificate
from leases import Leased, LeasedQuerySet, due_index


class RevocationQuerySet(LeasedQuerySet["Revocation"]):
    def under_way(self) -> Self:
        return self.filter(done_at__isnull=True, refused_at__isnull=True)

    def refused(self) -> Self:
        return self.filter(done_at__isnull=True, refused_at__isnull=False)

    def compromised(self, spki_sha256: str) -> bool:
        """True if somebody said that the private half of this key became known, whatever the CA made of it."""
        said = self.filter(reason=Revocation.Reason.KEY_COMPROMISE)
        return said.filter(certificate__spki_sha256=spki_sha256).exists()


class Revocation(Leased):
    """Due until the CA has revoked it, or has refused for certain (`refused_at`). Never taken back."""

    class Reason(models.IntegerChoices):
        """RFC 5280 §5.3.1, those that a subscriber may give (CA/B Forum BR §4.9.1.1)."""

        UNSPECIFIED = 0, _("No reason given")
        KEY_COMPROMISE = 1, _("The private key became known")
        AFFILIATION_CHANGED = 3, _("The organization's details changed")
        SUPERSEDED = 4, _("Replaced by another certificate")
        CESSATION_OF_OPERATION = 5, _("The site was given up")

    certificate = models.OneToOneField(Certificate, on_delete=models.PROTECT, related_name="revocation")
    reason = models.PositiveSmallIntegerField(_("reason"), choices=Reason.choices)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    asked_at = models.DateTimeField(_("asked"))
    done_at = models.DateTimeField(_("revoked"), null=True)
    refused_at = models.DateTimeField(_("refused"), null=True)
    by_certificate_key = models.BooleanField(_("signed by the certificate's own key"), default=False)
    tries = models.PositiveIntegerField(_("failed tries"), default=0)
    problem = models.JSONField(_("last problem"), null=True)

    objects = RevocationQuerySet.as_manager()

    class Meta:
        verbose_name = _("revocation")
        verbose_name_plural = _("revocations")
        ordering = ["-asked_at"]
        indexes = [due_index("revocation_due")]

    def __str__(self) -> str:
        return f"revocation of {self.certificate_id}"

    @property
    def under_way(self) -> bool:
        return self.done_at is None and self.refused_at is None

    @property
    def refused(self) -> bool:
        return self.done_at is None and self.refused_at is not None

    @property
    def of_compromised_key(self) -> bool:
        return self.reason == self.Reason.KEY_COMPROMISE
