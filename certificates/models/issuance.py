"""One certificate wanted: first, reissue, rekey or renewal. Holds the immutable CSR and its key."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from certificates.models.key import PrivateKey
from orders.models import Plan

if TYPE_CHECKING:
    from accounts.models import User


class IssuanceQuerySet(models.QuerySet["Issuance"]):
    def of(self, user: User) -> Self:
        return self.filter(plan__owner=user)


class Issuance(models.Model):
    """`names` and `csr` never change once written: other names mean another issuance.

    `names` is a list of {"ascii": A-label without "*.", "wildcard": bool, "method": challenge type, or "email"};
    with "email" also {"approver": address, "approver_domain": the domain it speaks for}.
    """

    class Kind(models.TextChoices):
        FIRST = "first", _("First certificate")
        REISSUE = "reissue", _("Reissue")
        REKEY = "rekey", _("Rekey")
        RENEWAL = "renewal", _("Renewal")

    class State(models.TextChoices):
        WANTED = "wanted", _("Wanted")  # us, the customer or the CA: the ACME order says who
        ISSUED = "issued", _("Issued")
        FAILED = "failed", _("Failed")  # operator: the CA will not issue for these names
        WITHDRAWN = "withdrawn", _("Withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="issuances")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.FIRST)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WANTED)
    names = models.JSONField(_("names"))
    key_type = models.CharField(
        _("key type"), max_length=10, blank=True, help_text=_("Empty: the customer's own CSR.")
    )
    subject = models.JSONField(_("subject"), default=dict)
    csr = models.BinaryField(_("CSR (DER)"), null=True, editable=False)
    key = models.OneToOneField(
        PrivateKey, on_delete=models.PROTECT, null=True, related_name="issuance", editable=False
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    replaces = models.ForeignKey(
        "certificates.Certificate",
        on_delete=models.PROTECT,
        null=True,
        related_name="successors",
        editable=False,
    )
    campaign = models.ForeignKey(
        "certificates.Campaign", on_delete=models.PROTECT, null=True, related_name="issuances", editable=False
    )
    # While the buyer has a link for whoever publishes; taken away, the link says nothing any more.
    hand_off_nonce = models.CharField(max_length=32, blank=True, editable=False)
    hand_off_until = models.DateTimeField(_("link for publishing good until"), null=True, editable=False)
    created_at = models.DateTimeField(_("wanted since"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    problem = models.JSONField(_("problem"), null=True)

    objects = IssuanceQuerySet.as_manager()

    class Meta:
        verbose_name = _("issuance")
        verbose_name_plural = _("issuances")
        permissions = [("retrigger_validation", "Can have the validation of an issuance looked at again")]
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["-created_at", "-id"], name="issuance_newest")]  # the admin's list
        constraints = [
            models.UniqueConstraint(
                fields=["plan"], condition=Q(state="wanted"), name="one_wanted_issuance_per_plan"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {str(self.id)[:8]}"

    @property
    def texts(self) -> list[str]:
        """Return the names as written in a SAN."""
        return [f"*.{n['ascii']}" if n["wildcard"] else n["ascii"] for n in self.names]
