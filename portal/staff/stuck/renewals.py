"""Next certificates that are not ordered by themselves, and those that a mass reissue had to leave out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from certificates.campaigns.engine import LEFT_OUT
from certificates.models import Campaign, Certificate, Issuance, RenewalInfo
from certificates.renewal.engine import LOOK_AGAIN
from certificates.renewal.obstacles import KEY_COMPROMISED, NO_CA, NOT_SET_UP, TOO_OFTEN
from certificates.upcoming import BLOCKED
from portal.staff.stuck.row import FETCHED, Finder, Stuck, Text

OPERATORS: dict[str, Text] = {
    NO_CA.slug: _("No CA account that is enabled can fulfil the product."),
    TOO_OFTEN.slug: _("The CA wants the certificate replaced again and again: ask it why."),
}
# Who switched it off, or withdrew the last request, knows what they did and gets the reminders that everybody gets.
CUSTOMERS: dict[str, Text] = {
    NOT_SET_UP.slug: _("The plan's set-up is not complete any more: its owner goes through the steps again."),
    KEY_COMPROMISED.slug: _("The key of the owner's CSR became known: they have to bring a new CSR."),
}


def blocked(sentences: dict[str, Text]) -> Finder:
    """Return the finder of next certificates that are kept up by one of these obstacles, what ends soonest first."""

    def find(now: datetime) -> Iterable[Stuck]:
        for row in _kept_up(sentences, now)[:FETCHED]:
            certificate, problem = row.certificate, row.problem or {}
            sentence = sentences[str(problem.get("type")).removeprefix(BLOCKED)]
            ends = _t("The certificate ends on %(day)s.") % {"day": f"{certificate.not_after:%Y-%m-%d}"}
            yield Stuck(
                certificate.plan.item.order.number,
                f"{sentence} {ends}",
                row.reissue_at,
                reverse("staff_plan", args=[certificate.plan_id]),
                names=tuple(certificate.names),
                words=str(problem.get("detail") or ""),
                next_at=row.due_at,
            )

    return find


def _kept_up(slugs: Iterable[str], now: datetime) -> QuerySet[RenewalInfo]:
    """Return the rows with one of these obstacles. They are looked at every few hours, so few rows need be read for it."""
    soon = RenewalInfo.objects.filter(due_at__lte=now + LOOK_AGAIN, reissue_at__lte=now)
    rows = soon.filter(problem__type__in=[f"{BLOCKED}{slug}" for slug in slugs])
    related = rows.select_related("certificate__plan__item__order")
    return related.defer("certificate__leaf_pem", "certificate__chain_pem").order_by("certificate__not_after")


def left_out(now: datetime) -> Iterable[Stuck]:
    """Certificates that a mass reissue could not replace, while they are valid and nobody has begun another one since."""
    later = Issuance.objects.filter(plan=OuterRef("plan"), created_at__gt=OuterRef("created_at"))
    rows = Issuance.objects.filter(
        ~Exists(later),
        campaign__in=Campaign.objects.exclude(state=Campaign.State.CANCELLED),
        state=Issuance.State.WITHDRAWN,
        problem__type=LEFT_OUT,
        replaces__state=Certificate.State.VALID,
        replaces__not_after__gt=now,
    ).defer("csr")
    related = rows.select_related(
        "plan__item__order", "replaces", "campaign__from_account", "campaign__to_account"
    )
    kept = related.defer("replaces__leaf_pem", "replaces__chain_pem")
    for issuance in kept.order_by("replaces__not_after")[:FETCHED]:
        yield Stuck(
            issuance.plan.item.order.number,
            _t("The mass reissue %(campaign)s has left it out.") % {"campaign": issuance.campaign},
            issuance.ended_at,
            reverse("staff_plan", args=[issuance.plan_id]),
            names=tuple(issuance.texts),
            words=str((issuance.problem or {}).get("detail", "")),
            then=_t(
                "Not tried again by the mass reissue. Its owner can order another one when the reason is gone."
            ),
        )
