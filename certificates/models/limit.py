"""A CA account's limits as data, and what of them has been used: asked before newOrder, so that the CA need not refuse."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from certificates.models.account import CaAccount


class LimitKind(models.TextChoices):
    """What is counted, and per what: the subject is empty, a registered domain, a sorted set of names, or a name."""

    ORDERS = "orders", _("New orders of the account")
    DOMAIN = "domain", _("Certificates per registered domain")
    SET = "set", _("Certificates per exact set of names")
    FAILURES = "failures", _("Failed authorizations per name")


class CaLimit(models.Model):
    """At most `amount` within any `seconds`. `renewals_exempt`: an order that replaces a certificate is not counted."""

    account = models.ForeignKey(CaAccount, on_delete=models.CASCADE, related_name="limits", db_index=False)
    kind = models.CharField(_("what is counted"), max_length=10, choices=LimitKind.choices)
    amount = models.PositiveIntegerField(_("at most"), validators=[MinValueValidator(1)])
    seconds = models.PositiveIntegerField(_("within seconds"), validators=[MinValueValidator(1)])
    renewals_exempt = models.BooleanField(_("renewals are exempt"), default=False, help_text=_("RFC 9773 §5"))

    class Meta:
        verbose_name = _("limit of a CA account")
        verbose_name_plural = _("limits of CA accounts")
        ordering = ["kind", "seconds"]
        constraints = [
            models.UniqueConstraint(fields=["account", "kind", "seconds"], name="limit_once_per_window")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.amount} / {self.seconds} s"


class CaUse(models.Model):
    """One use of a limit of this account. Forgotten when its longest window has passed."""

    account = models.ForeignKey(CaAccount, on_delete=models.CASCADE, related_name="uses", db_index=False)
    kind = models.CharField(max_length=10, choices=LimitKind.choices)
    subject = models.CharField(max_length=253, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("use of a limit")
        verbose_name_plural = _("uses of limits")
        default_permissions = ()
        indexes = [
            models.Index(fields=["account", "kind", "subject", "at"], name="ca_use_counted"),
            models.Index(fields=["at"], name="ca_use_at"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
