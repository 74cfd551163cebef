"""The agreement a purchaser accepts, in numbered versions that never change."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class AgreementQuerySet(models.QuerySet["Agreement"]):
    def current(self) -> Agreement | None:
        return self.order_by("-published_at").first()


class Agreement(models.Model):
    version = models.CharField(_("version"), max_length=20, unique=True)
    text = models.TextField(_("text"))
    published_at = models.DateTimeField(_("published"))

    objects = AgreementQuerySet.as_manager()

    class Meta:
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        ordering = ["-published_at"]

    def __str__(self) -> str:
        return self.version
