"""A private key, sealed, bound to its owner, destroyed on request."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from accounts.models import User


class PrivateKeyQuerySet(models.QuerySet["PrivateKey"]):
    def of(self, user: User) -> Self:
        return self.filter(owner=user)


class PrivateKey(models.Model):
    """Only certificates/vault.py reads or writes `sealed`."""

    class State(models.TextChoices):
        HELD = "held", _("Held")
        DESTROYED = "destroyed", _("Destroyed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    key_type = models.CharField(_("type"), max_length=10)
    spki_sha256 = models.CharField(_("public key SHA-256"), max_length=64, db_index=True)
    sealed = models.BinaryField(editable=False, null=True)
    kid = models.CharField(_("sealed under"), max_length=40, blank=True, db_index=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.HELD)
    created_at = models.DateTimeField(_("made"))
    destroyed_at = models.DateTimeField(_("destroyed"), null=True)

    objects = PrivateKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("private key")
        verbose_name_plural = _("private keys")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.key_type} {self.spki_sha256[:12]}"

    def destroy(self, now: datetime) -> bool:
        """Forget the sealed bytes for good; False when that was done before."""
        held = PrivateKey.objects.filter(pk=self.pk, state=self.State.HELD)
        return held.update(state=self.State.DESTROYED, sealed=None, kid="", destroyed_at=now) == 1
