"""A mail to a person, written in the transaction that caused it and sent later, once."""

from __future__ import annotations

import re
from typing import Self

from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from leases import Leased, LeasedQuerySet, due_index

# What smtplib says of a refused recipient, as `accounts.mail` keeps it: the address, then the reply's code.
_REFUSED = re.compile(r"SMTPRecipientsRefused: \{.*?: \(5\d\d,", re.DOTALL)


class LetterQuerySet(LeasedQuerySet["Letter"]):
    def unsent(self) -> Self:
        """Return the letters that a mail server has refused at least once, or that we gave up."""
        return self.filter(sent_at__isnull=True, tries__gt=0)


class Letter(Leased):
    """`occasion` is unique: the same event, told twice, still sends one mail.

    The body is wiped after sending: it may hold a link that opens something.
    """

    to = models.EmailField(_("to"), max_length=254)
    occasion = models.CharField(_("occasion"), max_length=120, unique=True)
    kind = models.CharField(_("kind"), max_length=40)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"), blank=True)
    plan_id = models.UUIDField(null=True, db_index=True)
    order_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(_("written"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    problem = models.CharField(_("problem"), max_length=300, blank=True)

    objects = LetterQuerySet.as_manager()

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        default_permissions = ("view",)
        ordering = ["-pk"]
        indexes = [due_index("letter_due")]

    def __str__(self) -> str:
        return f"{self.kind} to {self.to}"

    @property
    def is_refused(self) -> bool:
        """True if the mail server said that it takes no mail for this address: 5yz is final, 4yz passes (RFC 5321 §4.2.1)."""
        return self.sent_at is None and _REFUSED.match(self.problem) is not None

    @property
    def is_returned(self) -> bool:
        """True if it was sent and came back: accounts/bounces.py wrote why."""
        return self.sent_at is not None and self.problem != ""

    @property
    def fate(self) -> str:
        """Say in two or three words what became of it."""
        if self.is_returned:
            return _t("Came back")
        if self.sent_at is not None:
            return _t("Sent")
        if self.due_at is None:
            return _t("Given up")
        return _t("Will be tried again") if self.tries else _t("On its way")
