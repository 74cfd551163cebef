"""One try at one CA (RFC 8555 §7.1.3). The row is the queue of the issuance loop."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from certificates.models.account import CaAccount
from certificates.models.issuance import Issuance
from leases import Leased, LeasedQuerySet, due_index
from leases.inserts import insert_once
from validation.models import Authorization


class AcmeOrderQuerySet(LeasedQuerySet["AcmeOrder"]):
    owner_path = "owner_id"

    def open(self) -> Self:
        """Return the orders whose story is not over."""
        return self.exclude(status__in=[AcmeOrder.Status.VALID, AcmeOrder.Status.INVALID])

    def needing(self, authorization: Authorization) -> Self:
        """Return the orders that wait for this authorization."""
        return self.filter(authorizations=authorization)


class AcmeOrder(Leased):
    """Status words are the RFC's; `url` is null until the CA has told it to us.

    `intent_at` is committed before newOrder and `finalizing_at` before finalize, so that whoever re-enters knows
    that the call may have been made. `tries` counts failed tries of the present step and drives the back-off.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")  # customer, then us
        READY = "ready", _("Ready")  # us: finalize
        PROCESSING = "processing", _("Processing")  # CA
        VALID = "valid", _("Valid")
        INVALID = "invalid", _("Invalid")  # customer: a new order of the same issuance

    class WaitingFor(models.TextChoices):
        NOBODY = "", _("Nobody")
        US = "us", _("Us")
        CUSTOMER = "customer", _("Customer")
        CA = "ca", _("CA")
        OPERATOR = "operator", _("Operator")

    issuance = models.ForeignKey(Issuance, on_delete=models.PROTECT, related_name="acme_orders")
    # The plan's, whose owner never changes: who takes turns is asked for every due row, and a look joins no tables.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False, db_index=False
    )
    account = models.ForeignKey(CaAccount, on_delete=models.PROTECT, related_name="acme_orders")
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    url = models.URLField(_("URL at the CA"), max_length=500, unique=True, null=True)
    authorization_urls = models.JSONField(default=list)
    finalize_url = models.URLField(max_length=500, blank=True)
    certificate_url = models.URLField(max_length=500, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    waiting_for = models.CharField(
        _("waiting for"), max_length=8, choices=WaitingFor.choices, default=WaitingFor.US, blank=True
    )
    authorizations = models.ManyToManyField(Authorization, related_name="acme_orders")
    expires_at = models.DateTimeField(_("expires"), null=True)
    created_at = models.DateTimeField(_("created"))
    intent_at = models.DateTimeField(_("newOrder sent"), null=True)
    answered_at = models.DateTimeField(_("challenges answered"), null=True)
    finalizing_at = models.DateTimeField(_("finalize sent"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    tries = models.PositiveIntegerField(_("failed tries"), default=0)
    requests = models.PositiveIntegerField(
        _("requests to the CA"), default=0, editable=False, help_text=_("5 + 2n is the least for n names.")
    )
    profile = models.CharField(_("profile"), max_length=60, blank=True, editable=False)
    replaces = models.CharField(
        _("replaces"),
        max_length=200,
        blank=True,
        editable=False,
        help_text=_("RFC 9773 §5: what was told to the CA."),
    )
    problem = models.JSONField(_("last problem"), null=True)

    objects = AcmeOrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("ACME order")
        verbose_name_plural = _("ACME orders")
        ordering = ["-created_at"]
        indexes = [
            due_index("acme_order_due"),
            models.Index(fields=["-created_at", "-id"], name="acme_order_newest"),  # the admin's list
        ]
        constraints = [
            models.UniqueConstraint(fields=["issuance", "attempt"], name="acme_order_attempt_once"),
            models.UniqueConstraint(
                fields=["issuance"],
                condition=~Q(status__in=["valid", "invalid"]),
                name="one_open_acme_order_per_issuance",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.issuance_id} #{self.attempt} {self.status}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.owner_id = self.issuance.plan.owner_id
        super().save(*args, **kwargs)

    def need(self, authorization: Authorization) -> None:
        """Remember that this order waits for the authorization. Idempotent."""
        link: Any = AcmeOrder.authorizations.through
        insert_once(link, acmeorder_id=self.pk, authorization_id=authorization.pk)

    @property
    def least_requests(self) -> int:
        """Return how many requests a certificate for these names costs at least (RFC 8555 §7.1): 5 + 2n for n names.

        On an account that customers share each authorization is given back afterwards, which is one more for each name.
        """
        return 5 + (3 if self.account.shared else 2) * len(self.issuance.names)
