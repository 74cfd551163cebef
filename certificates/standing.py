"""What the customer reads about a plan: derived from the rows here, and stored nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Model, Prefetch, QuerySet
from django.utils.translation import gettext as _

from certificates.activation.steps import APPROVE, METHODS, first_unfinished
from certificates.compromised import needs_new_csr
from certificates.held_up import (
    EXPIRED_UNSEEN,
    MOVED,
    UNATTENDED,
    UNSEEN,
    expired_unseen_text,
    moved_text,
    sentence_of,
    slug_of,
    unattended_text,
    unseen_text,
)
from certificates.models import AcmeOrder, Certificate, Issuance
from certificates.upcoming import blocked_by, goes_on_after, ordered_at
from orders.models import Plan

# Where a plan, an issuance, an activation and an item keep the rows that were fetched with them, as plain lists.
KEPT_ISSUANCES = "kept_issuances"
KEPT_CERTIFICATES = "kept_certificates"
KEPT_ORDERS = "kept_orders"
KEPT_NAMES = "kept_names"


class Headline(StrEnum):
    PAYMENT_NEEDED = "payment_needed"
    SETUP_NEEDED = "setup_needed"
    WAITING_FOR_YOU = "waiting_for_you"
    CHECKING = "checking"
    ISSUING = "issuing"
    ISSUED = "issued_not_installed"
    SECURED = "secured"
    REISSUE_DUE = "reissue_due"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Standing:
    """`slug` is one of the ten headlines; `who` is "customer", "us", "ca", "operator" or "nobody"."""

    slug: Headline
    sentence: str
    who: str
    next_look_at: datetime | None = None

    @property
    def moving(self) -> bool:
        """True while the page should look again by itself."""
        return self.slug in {Headline.CHECKING, Headline.ISSUING, Headline.WAITING_FOR_YOU}


def with_standing(plans: QuerySet[Plan]) -> QuerySet[Plan]:
    """Fetch what `standing_of` reads, in a constant number of queries for any number of plans."""
    orders = AcmeOrder.objects.order_by("attempt")
    issuances = Issuance.objects.defer("csr").order_by("created_at")
    certificates = Certificate.objects.select_related("revocation", "renewal_info").defer(
        "leaf_pem", "chain_pem"
    )
    return plans.select_related("product", "item__order", "activation").prefetch_related(
        Prefetch("issuances", issuances, to_attr=KEPT_ISSUANCES),
        Prefetch(f"{KEPT_ISSUANCES}__acme_orders", orders, to_attr=KEPT_ORDERS),
        Prefetch("certificates", certificates.order_by("issued_at"), to_attr=KEPT_CERTIFICATES),
        Prefetch("activation__names", to_attr=KEPT_NAMES),
        Prefetch("item__names", to_attr=KEPT_NAMES),
    )


def standing_of(plan: Plan, now: datetime) -> Standing:
    """Say in one headline and one sentence what is happening, who must act, and when we look next."""
    issuance, valid, newest = wanted_issuance(plan), in_force(plan, now), newest_certificate(plan)
    if plan.state in {Plan.State.SUSPENDED, Plan.State.ENDED}:
        return _of_stopped(plan, valid)
    if issuance is not None:
        return _of_issuance(issuance, now)
    if newest is not None and newest.not_after > now and unwanted(newest) and plan.ends_at > now:
        return _of_unwanted(plan, newest)
    if valid is not None:
        return _of_certificate(plan, valid, now)
    if newest is not None:
        return _of_lost(plan, newest, now)
    return _of_setup(plan)


def names_of(plan: Plan) -> list[str]:
    """Return the names the plan stands for: the certificate's, else the activation's, else the order's."""
    certificate = newest_certificate(plan)
    if certificate is not None:
        return list(certificate.names)
    activation = getattr(plan, "activation", None)
    chosen = [name.text for name in _kept(activation, KEPT_NAMES, "names")] if activation is not None else []
    return chosen or [name.text for name in _kept(plan.item, KEPT_NAMES, "names")]


def issuances_of(plan: Plan) -> Sequence[Issuance]:
    return _kept(plan, KEPT_ISSUANCES, "issuances")


def certificates_of(plan: Plan) -> Sequence[Certificate]:
    return _kept(plan, KEPT_CERTIFICATES, "certificates")


def orders_of(issuance: Issuance) -> Sequence[AcmeOrder]:
    return _kept(issuance, KEPT_ORDERS, "acme_orders")


def _kept(row: Model, kept: str, related: str) -> Any:
    """Return the rows that were fetched with this one; where none were, ask for them now."""
    rows = row.__dict__.get(kept)
    return rows if rows is not None else list(getattr(row, related).all())


def wanted_issuance(plan: Plan) -> Issuance | None:
    return next((row for row in issuances_of(plan) if row.state == Issuance.State.WANTED), None)


def newest_certificate(plan: Plan) -> Certificate | None:
    return max(certificates_of(plan), key=lambda row: row.issued_at, default=None)


def in_force(plan: Plan, now: datetime) -> Certificate | None:
    """Return the newest certificate while it is valid, None once it has expired or was revoked."""
    newest = newest_certificate(plan)
    valid = newest is not None and newest.state == Certificate.State.VALID and newest.not_after > now
    return newest if valid else None


def unwanted(certificate: Certificate) -> bool:
    """True from the moment somebody asked to have it revoked; a CA's refusal makes a known key no safer."""
    revocation = getattr(certificate, "revocation", None)
    asked = revocation is not None and (revocation.under_way or revocation.of_compromised_key)
    return asked or certificate.state == Certificate.State.REVOKED


def newest_order(issuance: Issuance) -> AcmeOrder | None:
    return max(orders_of(issuance), key=lambda row: row.attempt, default=None)


def reissue_due_at(certificate: Certificate) -> datetime:
    """Return when a third of the lifetime is left, the customary time to renew."""
    return certificate.not_after - (certificate.not_after - certificate.not_before) / 3


def may_reissue(plan: Plan, now: datetime) -> bool:
    """True if the owner may ask for the next certificate: the plan runs, has had one, and none is on its way."""
    running = plan.state == Plan.State.ACTIVE and plan.ends_at > now
    return running and newest_certificate(plan) is not None and wanted_issuance(plan) is None


def failed_since(plan: Plan) -> Issuance | None:
    """Return the newest request if the CA refused it for good, None when a certificate or another request came after."""
    rows = [row for row in issuances_of(plan) if row.state != Issuance.State.WITHDRAWN]
    newest = max(rows, key=lambda row: row.created_at, default=None)
    return newest if newest is not None and newest.state == Issuance.State.FAILED else None


def _of_stopped(plan: Plan, valid: Certificate | None) -> Standing:
    if plan.state == Plan.State.SUSPENDED:
        text = _("This plan is suspended because of its payment. Please contact support.")
        return Standing(Headline.CANCELLED, text, "customer")
    if valid is not None:
        text = _("This plan has ended. Its last certificate stays valid until it expires.")
        return Standing(Headline.CANCELLED, text, "nobody")
    return Standing(Headline.CANCELLED, _("This plan has ended."), "nobody")


def _of_certificate(plan: Plan, certificate: Certificate, now: datetime) -> Standing:
    due = reissue_due_at(certificate)
    blocked, planned = blocked_by(certificate), ordered_at(plan, certificate, now)
    if blocked:
        return Standing(Headline.REISSUE_DUE, blocked, "customer")
    if due <= now and goes_on_after(plan, certificate) and planned is None:
        text = _(
            "Your plan goes on, but this certificate ends soon: get the next one, it costs nothing more."
        )
        return Standing(Headline.REISSUE_DUE, text, "customer")
    if certificate.installed_at is not None:
        return Standing(
            Headline.SECURED,
            _("We saw this certificate being served by your site."),
            "nobody",
            planned or due,
        )
    text = _("Your certificate is ready: download it, install it on your server, then test the installation.")
    return Standing(Headline.ISSUED, text, "customer", planned or due)


def _of_unwanted(plan: Plan, certificate: Certificate) -> Standing:
    """A revoked certificate has not "Expired": the plan is paid for and due for its next one.

    Where that would carry the key that became known, the plan is back at its first step: "Setup needed".
    """
    if certificate.state == Certificate.State.REVOKED:
        text = _("The certificate was revoked.")
    elif certificate.revocation.under_way:
        text = _("Revocation under way: the certificate authority is being asked.")
    else:
        text = _("The certificate could not be revoked yet, and its key is known to others.")
    activation = getattr(plan, "activation", None)
    if activation is not None and needs_new_csr(activation, certificate):
        text += " " + _(
            "The next one needs a new key: bring a new CSR, or let us make it. It costs nothing more."
        )
        return Standing(Headline.SETUP_NEEDED, text, "customer")
    text += " " + _("Your plan goes on: get the next one, it costs nothing more.")
    return Standing(Headline.REISSUE_DUE, text, "customer")


def _of_lost(plan: Plan, certificate: Certificate, now: datetime) -> Standing:
    goes_on = plan.ends_at > now
    if certificate.state == Certificate.State.REVOKED:
        text = _("The certificate was revoked.")
    elif goes_on:
        text = _("The certificate has expired, and visitors see a warning.")
    else:
        text = _("The certificate has expired, and so has the plan. Order a new one to go on.")
    if goes_on:
        text += " " + _("Your plan goes on: get the next one, it costs nothing more.")
    return Standing(Headline.EXPIRED, text, "customer")


def _of_setup(plan: Plan) -> Standing:
    if failed_since(plan) is not None:
        text = _("The certificate authority will not issue for these names. Change them, or contact support.")
        return Standing(Headline.SETUP_NEEDED, text, "customer")
    activation = getattr(plan, "activation", None)
    if activation is None or activation.csr_done_at is None:
        text = _("Paid. Next, tell us about your certificate in four short steps.")
        return Standing(Headline.SETUP_NEEDED, text, "customer")
    step = first_unfinished(activation)
    if step is APPROVE:
        step = METHODS  # nothing is wanted, so `Finish` has to be pressed again
    text = _("Paid and begun. Go on with %(step)s.") % {"step": step.heading}
    return Standing(Headline.SETUP_NEEDED, text, "customer")


def _of_issuance(issuance: Issuance, now: datetime) -> Standing:
    order = newest_order(issuance)
    if order is None or order.waiting_for == AcmeOrder.WaitingFor.OPERATOR:
        text = _("Something at the certificate authority needs our staff. You need not do anything.")
        return Standing(Headline.CHECKING, text, "operator", order.due_at if order else None)
    if order.status == AcmeOrder.Status.INVALID and slug_of(order.problem) == UNATTENDED:
        return Standing(Headline.WAITING_FOR_YOU, unattended_text(), "customer")
    if order.status == AcmeOrder.Status.INVALID:
        text = _("The certificate authority did not find what it looked for. Correct it, then try again.")
        return Standing(Headline.WAITING_FOR_YOU, text, "customer")
    if slug_of(order.problem) == UNSEEN:
        text = unseen_text(list((order.problem or {}).get("names", [])))
        return Standing(Headline.WAITING_FOR_YOU, text, "customer", order.due_at)
    held_up = _held_up(order, now)
    if held_up:
        pending = order.status == AcmeOrder.Status.PENDING
        return Standing(Headline.CHECKING if pending else Headline.ISSUING, held_up, "ca", order.due_at)
    if order.status != AcmeOrder.Status.PENDING:
        return Standing(
            Headline.ISSUING, _("The certificate authority is making your certificate."), "ca", order.due_at
        )
    if order.url is None and order.waiting_for == AcmeOrder.WaitingFor.CUSTOMER:
        text = _("We have asked the domain’s owner by email. The order goes on as soon as they approve.")
        return Standing(Headline.WAITING_FOR_YOU, text, "customer", order.due_at)
    if order.url is None:
        return Standing(Headline.CHECKING, _opening(order), "us", order.due_at)
    if order.answered_at is not None:
        return Standing(
            Headline.CHECKING,
            _("The certificate authority is looking at your names now."),
            "ca",
            order.due_at,
        )
    if order.waiting_for == AcmeOrder.WaitingFor.CUSTOMER:
        return Standing(Headline.WAITING_FOR_YOU, _what_to_publish(issuance, order), "customer", order.due_at)
    if order.problem is not None:
        return Standing(Headline.CHECKING, _opening(order), "ca", order.due_at)
    return Standing(Headline.CHECKING, _("We are preparing your request."), "us", order.due_at)


def _held_up(order: AcmeOrder, now: datetime) -> str:
    """Return what keeps the CA from going on, empty when nothing does."""
    if slug_of(order.problem) == "chancery:name_busy":
        return _("Another order for one of these names is under way there. We try again by ourselves.")
    told = sentence_of(order.problem, order.due_at, now)
    return told or (_trouble(order) if _in_trouble(order) else "")


def _what_to_publish(issuance: Issuance, order: AcmeOrder) -> str:
    if _not_offered(order):
        return _("One of your names cannot be shown this way. Choose another method for it.")
    if was_moved(issuance, order):
        return moved_text(published=True)
    if any(name["method"] == "email" for name in issuance.names):
        return _("We wait for the owner’s approval and for what proves each name. We go on by ourselves.")
    return _("Publish the record or file for each name. We keep looking and go on by ourselves.")


def _in_trouble(order: AcmeOrder) -> bool:
    """True after a request that brought no verdict, until one does."""
    return order.waiting_for == AcmeOrder.WaitingFor.CA and "failures" in (order.problem or {})


def _trouble(order: AcmeOrder) -> str:
    if "retry_at" in (order.problem or {}):
        return _("The certificate authority asked us to come back later. We go on by ourselves then.")
    return _("The certificate authority does not answer as it should right now. We try again by ourselves.")


def was_moved(issuance: Issuance, order: AcmeOrder) -> bool:
    """True if the customer had been told what to publish for another CA before this order."""
    before = [row for row in orders_of(issuance) if row.attempt < order.attempt]
    last = max(before, key=lambda row: row.attempt, default=None)
    return last is not None and slug_of(last.problem) == MOVED and bool((last.problem or {}).get("published"))


def _not_offered(order: AcmeOrder) -> bool:
    return (order.problem or {}).get("type") == "chancery:method_not_offered"


def _opening(order: AcmeOrder) -> str:
    if slug_of(order.problem) == EXPIRED_UNSEEN:
        return expired_unseen_text()
    if order.problem is not None:
        return _("The certificate authority cannot take the order right now. We try again by ourselves.")
    return _("We are opening the order at the certificate authority.")
