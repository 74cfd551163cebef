"""What the gateway told us, stored once by its id, before anything is done with it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from leases import Leased, LeasedQuerySet, due_index


class GatewayEvent(Leased):
    """A signed event. `outcome` says what came of it; an event that meant nothing to us says so too."""

    id = models.CharField(_("event"), primary_key=True, max_length=100)
    gateway = models.CharField(_("gateway"), max_length=20)
    kind = models.CharField(_("type"), max_length=80)
    payload = models.JSONField(_("payload"))
    received_at = models.DateTimeField(_("received"))
    processed_at = models.DateTimeField(_("processed"), null=True)
    outcome = models.CharField(_("outcome"), max_length=200, blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("gateway event")
        verbose_name_plural = _("gateway events")
        default_permissions = ("view",)
        ordering = ["-received_at"]
        indexes = [due_index("gateway_event_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
