"""One test of the installation: what a TLS client was served under a name."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from certificates.models.certificate import Certificate


class Inspection(models.Model):
    """`slug` names the verdict (see certificates/installation.py)."""

    certificate = models.ForeignKey(Certificate, on_delete=models.CASCADE, related_name="inspections")
    name = models.CharField(_("name"), max_length=255)
    port = models.PositiveIntegerField(_("port"))
    address = models.CharField(_("address"), max_length=45, blank=True)
    at = models.DateTimeField(_("when"))
    slug = models.CharField(_("verdict"), max_length=40)
    ok = models.BooleanField(_("installed"))
    seen = models.JSONField(_("seen"), default=dict)

    class Meta:
        verbose_name = _("installation test")
        verbose_name_plural = _("installation tests")
        default_permissions = ("view",)
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.name} {self.slug}"
