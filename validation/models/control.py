"""The ledger: this customer showed control of this name, by this method, until then."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from validation.models.approval import Approval
from validation.models.authorization import Authorization, Method

if TYPE_CHECKING:
    from accounts.models import User


class ControlQuerySet(models.QuerySet["Control"]):
    def current(self, now: datetime) -> Self:
        return self.filter(withdrawn_at__isnull=True, expires_at__gt=now)

    def of(self, user: User) -> Self:
        return self.filter(owner=user)

    def by_machine(self) -> Self:
        """Leave out what rests on a mail: it counts only at a CA account that takes names as validated beforehand."""
        return self.exclude(method=Method.EMAIL)

    def over(self, identifier: str, *, wildcard: bool) -> Self:
        """Return proofs of exactly this name: neither a parent, nor the wildcard for the single name or back."""
        return self.filter(identifier=identifier, wildcard=wildcard)


class Control(models.Model):
    """Proof belongs to one customer and one account at the CA; it is never shared and never inherited upwards."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    identifier = models.CharField(_("name"), max_length=253)
    wildcard = models.BooleanField(_("wildcard"), default=False)
    method = models.CharField(_("method"), max_length=20, choices=Method.choices)
    authorization = models.ForeignKey(
        Authorization, on_delete=models.PROTECT, null=True, related_name="controls", db_index=False
    )
    approval = models.ForeignKey(
        Approval, on_delete=models.PROTECT, null=True, related_name="controls", db_index=False
    )
    shown_at = models.DateTimeField(_("shown"))
    expires_at = models.DateTimeField(_("until"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_why = models.CharField(_("why withdrawn"), max_length=200, blank=True)

    objects = ControlQuerySet.as_manager()

    class Meta:
        verbose_name = _("control")
        verbose_name_plural = _("controls")
        ordering = ["-shown_at"]
        indexes = [models.Index(fields=["owner", "identifier"], name="control_of_owner")]
        constraints = [
            models.UniqueConstraint(
                fields=["authorization", "wildcard"], name="control_once_per_authorization"
            ),
            models.UniqueConstraint(
                fields=["approval", "identifier", "wildcard"], name="control_once_per_approval"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.text} until {self.expires_at:%Y-%m-%d}"

    @property
    def text(self) -> str:
        return f"*.{self.identifier}" if self.wildcard else self.identifier

    def stands(self, now: datetime) -> bool:
        return self.withdrawn_at is None and self.expires_at > now
