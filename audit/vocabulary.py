"""The audit vocabulary: one word per thing that can happen, as "noun:verb"."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    SIGNED_UP = "user:signed_up", _("Account opened")
    SIGNED_IN = "user:signed_in", _("Signed in")
    ORDER_PLACED = "order:placed", _("Order placed")
    AGREEMENT_ACCEPTED = "order:agreement_accepted", _("Agreement accepted")
    ORDER_PAID = "order:paid", _("Payment received")
    ORDER_CANCELLED = "order:cancelled", _("Order cancelled")
    ORDER_REOPENED = "order:reopened", _("Order opened for changes")
    REFUND_ASKED = "refund:asked", _("Refund asked for")
    REFUND_FAILED = "refund:failed", _("Refund failed")
    ORDER_REFUNDED = "order:refunded", _("Refunded")
    ORDER_DISPUTED = "order:disputed", _("Payment disputed")
    PAYMENT_STARTED = "payment:started", _("Payment page opened")
    PAYMENT_FAILED = "payment:failed", _("Payment failed")
    PAYMENT_EXPIRED = "payment:expired", _("Payment page expired")
    PAYMENT_MISMATCH = "payment:mismatch", _("Payment does not match the order")
    PLAN_OPENED = "plan:opened", _("Plan opened")
    PLAN_SUSPENDED = "plan:suspended", _("Plan suspended")
    PLAN_RESUMED = "plan:resumed", _("Plan resumed")
    PLAN_ENDED = "plan:ended", _("Plan ended")
    ACTIVATION_SAVED = "activation:saved", _("Set-up step saved")
    ACTIVATION_FINISHED = "activation:finished", _("Set-up finished")
    ISSUANCE_REQUESTED = "issuance:requested", _("Certificate requested")
    ISSUANCE_WITHDRAWN = "issuance:withdrawn", _("Request withdrawn")
    ISSUANCE_FAILED = "issuance:failed", _("Certificate refused")
    KEY_MADE = "key:made", _("Private key made")
    KEY_DOWNLOADED = "key:downloaded", _("Private key downloaded")
    KEY_DESTROYED = "key:destroyed", _("Private key destroyed")
    CA_ORDERED = "acme_order:created", _("Order opened at the CA")
    REPLACES_REFUSED = "acme_order:replaces_refused", _("CA did not take the order as a replacement")
    CA_ANSWERED = "acme_order:answered", _("CA asked to validate")
    CA_FINALIZED = "acme_order:finalized", _("CSR sent to the CA")
    CA_INVALID = "acme_order:invalid", _("CA did not accept the validation")
    CA_PROBLEM = "acme_order:problem", _("CA reported a problem")
    CA_PAUSED = "ca_account:paused", _("CA paused")
    CA_RESUMED = "ca_account:resumed", _("CA resumed")
    CA_KEY_WANTED = "ca_account:key_wanted", _("Another CA account key wanted")
    CA_KEY_CHANGED = "ca_account:key_changed", _("CA account key changed")
    CA_KEY_KEPT = "ca_account:key_kept", _("CA account key not changed")
    CA_CONTACT_SENT = "ca_account:contact_sent", _("Contact sent to the CA")
    CA_TERMS_AGREED = "ca_account:terms_agreed", _("CA's terms agreed to")
    CA_DEACTIVATED = "ca_account:deactivated", _("CA account given up")
    CA_ACCOUNT_FOR_CUSTOMER = "ca_account:for_customer", _("CA account for a customer made")
    CA_SHORT_TIME = "ca_account:short_time", _("CA leaves little time to show a name")
    CA_OTHER_CHAIN = "acme_order:other_chain", _("CA did not offer the preferred chain")
    CA_SWITCHED = "acme_order:switched", _("Moved to another CA")
    PROBE_CHANGED = "probe:changed", _("We looked: something changed")
    CONTROL_SHOWN = "control:shown", _("Control of the name shown")
    CONTROL_WITHDRAWN = "control:withdrawn", _("Control withdrawn")
    CERTIFICATE_ISSUED = "certificate:issued", _("Certificate issued")
    RENEWAL_MOVED = "certificate:renewal_moved", _("CA moved the time for the next certificate")
    RENEWAL_BLOCKED = "certificate:renewal_blocked", _("The next certificate cannot be ordered by itself")
    AUTOMATIC_CHANGED = "activation:automatic_changed", _("Automatic reissue switched")
    CAMPAIGN_STARTED = "campaign:started", _("Mass reissue started")
    CAMPAIGN_PAUSED = "campaign:paused", _("Mass reissue paused")
    CAMPAIGN_RESUMED = "campaign:resumed", _("Mass reissue goes on")
    CAMPAIGN_CANCELLED = "campaign:cancelled", _("Mass reissue cancelled")
    CAMPAIGN_DONE = "campaign:done", _("Mass reissue begun for every certificate")
    CERTIFICATE_DOWNLOADED = "certificate:downloaded", _("Certificate downloaded")
    CERTIFICATE_INSPECTED = "certificate:inspected", _("Installation tested")
    REVOCATION_ASKED = "certificate:revocation_asked", _("Revocation asked for")
    REVOCATION_REFUSED = "certificate:revocation_refused", _("Revocation refused")
    CERTIFICATE_REVOKED = "certificate:revoked", _("Certificate revoked")
    LOOKED_AGAIN = "support:looked_again", _("Validation looked at again")
    TRIED_AGAIN = "support:tried_again", _("New order at the CA requested")
    LETTER_SENT = "letter:sent", _("Mail sent")
    LETTER_FAILED = "letter:failed", _("Mail could not be sent")
    STAFF_CHANGED = "staff:changed", _("Changed in the admin")


def words() -> list[tuple[str, Any]]:
    """Return the vocabulary as choices. Given to the column as a function, so that a new word is not a migration."""
    return Action.choices
