"""What the customer reads about a plan: derived from the rows here, and stored nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from certificates.models import AcmeOrder, Certificate, Issuance
from orders.models import Plan


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
    orders = AcmeOrder.objects.select_related("account").order_by("attempt")
    issuances = Issuance.objects.defer("csr").order_by("created_at").prefetch_related(Prefetch("acme_orders", orders))
    certificates = Certificate.objects.defer("leaf_pem", "chain_pem").order_by("issued_at")
    return plans.select_related("product", "item__order", "activation").prefetch_related(
        Prefetch("issuances", issuances), Prefetch("certificates", certificates), "activation__names", "item__names"
    )


def standing_of(plan: Plan, now: datetime) -> Standing:
    """Say in one headline and one sentence what is happening, who must act, and when we look next."""
    if plan.state == Plan.State.SUSPENDED:
        return Standing(Headline.CANCELLED, _("This plan is suspended because of its payment. Please contact support."), "customer")
    if plan.state == Plan.State.ENDED:
        return Standing(Headline.CANCELLED, _("This plan has ended."), "nobody")
    issuance = wanted_issuance(plan)
    certificate = newest_certificate(plan)
    if certificate is not None and certificate.not_after > now and certificate.state == Certificate.State.VALID:
        return _of_certificate(plan, certificate, issuance, now)
    if issuance is not None:
        return _of_issuance(issuance)
    if certificate is not None:
        text = _("The certificate was revoked.") if certificate.state == Certificate.State.REVOKED else _("The certificate has expired.")
        return Standing(Headline.EXPIRED, text, "customer")
    return _of_setup(plan)


def names_of(plan: Plan) -> list[str]:
    """Return the names the plan stands for: the certificate's, else the activation's, else the order's."""
    certificate = newest_certificate(plan)
    if certificate is not None:
        return list(certificate.names)
    activation = getattr(plan, "activation", None)
    if activation is not None and activation.names.all():
        return [name.text for name in activation.names.all()]
    return [name.text for name in plan.item.names.all()]


def wanted_issuance(plan: Plan) -> Issuance | None:
    return next((row for row in plan.issuances.all() if row.state == Issuance.State.WANTED), None)


def newest_certificate(plan: Plan) -> Certificate | None:
    rows = list(plan.certificates.all())
    return max(rows, key=lambda row: row.issued_at) if rows else None


def newest_order(issuance: Issuance) -> AcmeOrder | None:
    rows = list(issuance.acme_orders.all())
    return max(rows, key=lambda row: row.attempt) if rows else None


def reissue_due_at(certificate: Certificate) -> datetime:
    """Return when a third of the lifetime is left, the customary time to renew."""
    return certificate.not_after - (certificate.not_after - certificate.not_before) / 3


def _of_certificate(plan: Plan, certificate: Certificate, issuance: Issuance | None, now: datetime) -> Standing:
    due = reissue_due_at(certificate)
    if issuance is not None:
        running = _of_issuance(issuance)
        return Standing(running.slug, running.sentence, running.who, running.next_look_at)
    if due <= now and plan.ends_at > certificate.not_after + timedelta(days=1):
        return Standing(Headline.REISSUE_DUE, _("Your plan goes on, but this certificate ends soon: request the next one."), "customer")
    if certificate.installed_at is not None:
        return Standing(Headline.SECURED, _("We saw this certificate being served by your site."), "nobody", due)
    return Standing(Headline.ISSUED, _("Your certificate is ready: download it and install it on your server."), "customer", due)


def _of_setup(plan: Plan) -> Standing:
    failed = [row for row in plan.issuances.all() if row.state == Issuance.State.FAILED]
    if failed:
        text = _("The certificate authority will not issue for these names. Change them, or contact support.")
        return Standing(Headline.SETUP_NEEDED, text, "customer")
    return Standing(Headline.SETUP_NEEDED, _("Paid. Next, tell us about your certificate in four short steps."), "customer")


def _of_issuance(issuance: Issuance) -> Standing:
    order = newest_order(issuance)
    if order is None or order.waiting_for == AcmeOrder.WaitingFor.OPERATOR:
        text = _("Something at the certificate authority needs our staff. You need not do anything.")
        return Standing(Headline.CHECKING, text, "operator", order.due_at if order else None)
    if order.status == AcmeOrder.Status.INVALID:
        text = _("The certificate authority did not find what it looked for. Correct it, then try again.")
        return Standing(Headline.WAITING_FOR_YOU, text, "customer")
    if order.status != AcmeOrder.Status.PENDING:
        return Standing(Headline.ISSUING, _("The certificate authority is making your certificate."), "ca", order.due_at)
    if order.url is None:
        return Standing(Headline.CHECKING, _opening(order), "us", order.due_at)
    if order.answered_at is not None:
        return Standing(Headline.CHECKING, _("The certificate authority is looking at your names now."), "ca", order.due_at)
    if order.waiting_for == AcmeOrder.WaitingFor.CUSTOMER:
        text = _("Publish what step 4 shows. We keep looking and go on by ourselves.")
        return Standing(Headline.WAITING_FOR_YOU, text, "customer", order.due_at)
    return Standing(Headline.CHECKING, _("We are preparing your request."), "us", order.due_at)


def _opening(order: AcmeOrder) -> str:
    if order.problem is not None:
        return _("The certificate authority cannot take the order right now. We try again by ourselves.")
    return _("We are opening the order at the certificate authority.")
