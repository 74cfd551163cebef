"""One look at the customer's DNS or web server: when, what was found, what was expected."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from validation.models.authorization import Authorization


class ProbeQuerySet(models.QuerySet["Probe"]):
    def of_plan(self, plan_id: uuid.UUID) -> Self:
        """Return every look for one plan, the newest first."""
        return self.filter(authorization__plan_id=plan_id).select_related("authorization")


class Probe(models.Model):
    """`slug` names the finding (see validation/problems.py), `seen` is what was there, cleaned and cut to 500 characters."""

    authorization = models.ForeignKey(
        Authorization, on_delete=models.CASCADE, related_name="probes", db_index=False
    )
    at = models.DateTimeField(_("when"))
    method = models.CharField(_("method"), max_length=20)
    slug = models.CharField(_("finding"), max_length=40)
    in_place = models.BooleanField(_("in place"))
    expected = models.CharField(_("expected"), max_length=500)
    seen = models.TextField(_("seen"), max_length=500, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    milliseconds = models.PositiveIntegerField(_("took"), default=0, help_text=_("Milliseconds."))

    objects = ProbeQuerySet.as_manager()

    class Meta:
        verbose_name = _("probe")
        verbose_name_plural = _("probes")
        default_permissions = ("view",)
        ordering = ["-pk"]
        indexes = [models.Index(fields=["authorization", "-at"], name="probe_of_authorization")]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.slug}"
