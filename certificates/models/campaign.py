"""Every certificate of one CA account, reissued with another: one operator action with progress and pause."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from certificates.models.account import CaAccount
from leases import Leased, LeasedQuerySet, due_index


class CampaignQuerySet(LeasedQuerySet["Campaign"]):
    pass


class Campaign(Leased):
    """`per_hour` is how many reissues are begun at most; what each came to stands in its issuance."""

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    from_account = models.ForeignKey(
        CaAccount, on_delete=models.PROTECT, related_name="+", verbose_name=_("from")
    )
    to_account = models.ForeignKey(
        CaAccount, on_delete=models.PROTECT, related_name="+", verbose_name=_("to")
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.RUNNING)
    reason = models.CharField(_("reason"), max_length=300)
    per_hour = models.PositiveIntegerField(_("per hour"), default=100)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    created_at = models.DateTimeField(_("begun"))
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        ordering = ["-created_at"]
        indexes = [due_index("campaign_due")]

    def __str__(self) -> str:
        return f"{self.from_account} → {self.to_account}"
