"""How a plan is configured: names, CSR source, contacts, a method per name. Editable until the first issue."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from orders.models import Plan
from validation.models.authorization import Method


class Activation(models.Model):
    """Each step saves itself; `*_done_at` is when a step was last completed.

    `drafts` keeps, per step, what was typed but not accepted yet: {"csr": {field: text}}. Never a private key.
    """

    class CsrSource(models.TextChoices):
        GENERATED = "generated", _("No, make it for me")
        PASTED = "pasted", _("Yes, I have a CSR")

    plan = models.OneToOneField(Plan, on_delete=models.PROTECT, related_name="activation")
    csr_source = models.CharField(_("Have a CSR?"), max_length=10, choices=CsrSource.choices, blank=True)
    key_type = models.CharField(_("key type"), max_length=10, default="ec-p256")
    common_name = models.CharField(_("common name"), max_length=255, blank=True)
    organization = models.CharField(_("organization"), max_length=64, blank=True)
    locality = models.CharField(_("city"), max_length=64, blank=True)
    region = models.CharField(_("state or province"), max_length=64, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    csr_pem = models.TextField(_("your CSR"), blank=True)
    csr_done_at = models.DateTimeField(null=True)

    admin_name = models.CharField(_("full name"), max_length=120, blank=True)
    admin_email = models.EmailField(_("email address"), max_length=254, blank=True)
    admin_phone = models.CharField(_("telephone"), max_length=40, blank=True)
    admin_organization = models.CharField(_("organization"), max_length=120, blank=True)
    tech_same = models.BooleanField(_("Same as administrator"), default=True)
    tech_name = models.CharField(_("full name"), max_length=120, blank=True)
    tech_email = models.EmailField(_("email address"), max_length=254, blank=True)
    tech_phone = models.CharField(_("telephone"), max_length=40, blank=True)
    tech_organization = models.CharField(_("organization"), max_length=120, blank=True)
    contacts_done_at = models.DateTimeField(null=True)

    methods_done_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    automatic = models.BooleanField(
        _("reissue by itself"), default=True, help_text=_("Order the next certificate of the plan in time.")
    )
    drafts = models.JSONField(default=dict, editable=False)

    class Meta:
        verbose_name = _("activation")
        verbose_name_plural = _("activations")

    def __str__(self) -> str:
        return f"activation of {self.plan_id}"


class ActivationName(models.Model):
    """One name the certificate shall carry, and how its owner wants to show control of it."""

    activation = models.ForeignKey(Activation, on_delete=models.CASCADE, related_name="names", db_index=False)
    ascii = models.CharField(_("name"), max_length=253)
    wildcard = models.BooleanField(_("wildcard"), default=False)
    method = models.CharField(_("method"), max_length=20, choices=Method.choices, blank=True)
    approver = models.EmailField(_("who is asked to approve"), max_length=254, blank=True)
    approver_domain = models.CharField(_("the approver's domain"), max_length=253, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("name")
        verbose_name_plural = _("names")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["activation", "ascii", "wildcard"], name="activation_name_once")
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        return f"*.{self.ascii}" if self.wildcard else self.ascii
