"""One entry: who did what to which object, when, from where. Append-only."""

from __future__ import annotations

import uuid
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.vocabulary import words


class EntryIsForEver(Exception):
    """An entry can be neither changed nor deleted."""


class EntryQuerySet(models.QuerySet["Entry"]):
    def of_plan(self, plan_id: uuid.UUID) -> Self:
        """Return the whole story of one plan, oldest first."""
        return self.filter(plan_id=plan_id).order_by("pk")

    def of_order(self, order_id: uuid.UUID) -> Self:
        return self.filter(order_id=order_id).order_by("pk")

    def update(self, **kwargs: Any) -> int:
        raise EntryIsForEver

    def delete(self) -> tuple[int, dict[str, int]]:
        raise EntryIsForEver


class Entry(models.Model):
    """`details` holds plain facts (names, states, amounts); never a key, a token that opens something, or a card."""

    at = models.DateTimeField(_("when"), db_index=True)
    action = models.CharField(_("what"), max_length=40, choices=words)
    actor_id = models.UUIDField(_("who (id)"), null=True, db_index=True)
    actor = models.CharField(
        _("who"), max_length=254, help_text=_("E-mail address at that time, or the process.")
    )
    address = models.GenericIPAddressField(_("from"), null=True)
    object_kind = models.CharField(_("on"), max_length=40)
    object_id = models.CharField(_("object"), max_length=64)
    order_id = models.UUIDField(_("order"), null=True, db_index=True)
    plan_id = models.UUIDField(_("plan"), null=True, db_index=True)
    details = models.JSONField(_("details"), default=dict)

    objects = EntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-pk"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.object_kind} {self.object_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise EntryIsForEver
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise EntryIsForEver
