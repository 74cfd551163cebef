"""A number that only grows, kept in the database, so that no restart loses it and nobody has to count a million rows."""

from __future__ import annotations

from django.db import models


class Tally(models.Model):
    """`count` of what `label` says; `total` is a sum in the unit of `name` where there is one. Written by portal/metrics/tallies.py only."""

    name = models.CharField(max_length=40)
    label = models.CharField(max_length=60, blank=True)
    count = models.PositiveBigIntegerField(default=0)
    total = models.FloatField(default=0.0)

    class Meta:
        verbose_name = "tally"
        verbose_name_plural = "tallies"
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["name", "label"], name="tally_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.label}: {self.count}"
