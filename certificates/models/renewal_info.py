"""When a certificate should be replaced: what the CA says (RFC 9773), or its age where the CA says nothing."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from certificates.models.certificate import Certificate
from leases import Leased, LeasedQuerySet, due_index


class RenewalInfoQuerySet(LeasedQuerySet["RenewalInfo"]):
    pass


class RenewalInfo(Leased):
    """`reissue_at` is the moment chosen once within the window; the row is due for the next look at the CA, or at that moment.

    The RFC's word is renewal; what follows from it is a reissue: the same plan, the same names, a new certificate.
    """

    certificate = models.OneToOneField(Certificate, on_delete=models.CASCADE, related_name="renewal_info")
    window_start = models.DateTimeField(_("window begins"), null=True)
    window_end = models.DateTimeField(_("window ends"), null=True)
    explanation_url = models.URLField(_("explanation"), max_length=500, blank=True)
    reissue_at = models.DateTimeField(_("reissue at"), null=True, db_index=True)
    checked_at = models.DateTimeField(_("CA asked"), null=True)
    ask_at = models.DateTimeField(_("CA asked again"), null=True, help_text=_("RFC 9773 §4.3"))
    tries = models.PositiveIntegerField(_("failed tries"), default=0)
    problem = models.JSONField(_("last problem"), null=True)

    objects = RenewalInfoQuerySet.as_manager()

    class Meta:
        verbose_name = _("renewal information")
        verbose_name_plural = _("renewal information")
        default_permissions = ("view",)
        indexes = [due_index("renewal_info_due")]

    def __str__(self) -> str:
        return f"renewal of {self.certificate_id}"
