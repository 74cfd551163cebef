"""The one thing to do next about a plan, as a button: words and address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from certificates.standing import Headline, Standing, may_reissue, newest_certificate
from orders.models import Plan


@dataclass(frozen=True)
class NextStep:
    """`url` is a page, never a change: a reissue is asked for on the plan's own page. `urgent`: the customer must act."""

    label: str
    url: str
    urgent: bool = False


def next_step(plan: Plan, standing: Standing, now: datetime) -> NextStep | None:
    """Return the action that fits the standing; None where there is nothing to do but read."""
    page, wizard = reverse("overview", args=[plan.pk]), reverse("activation", args=[plan.pk])
    if standing.slug is Headline.SETUP_NEEDED and newest_certificate(plan) is not None:
        # Set up before, but the CSR it was set up with can never be used again.
        return NextStep(_("Bring a new CSR"), reverse("new-csr", args=[plan.pk]), urgent=True)
    if standing.slug is Headline.SETUP_NEEDED:
        return NextStep(_("Continue setup"), wizard, urgent=True)
    if standing.slug is Headline.WAITING_FOR_YOU:
        return NextStep(_("See what to publish"), wizard, urgent=True)
    if standing.slug in {Headline.CHECKING, Headline.ISSUING}:
        return NextStep(_("See progress"), wizard)
    if standing.slug is Headline.ISSUED:
        return NextStep(_("Download Certificate"), f"{page}#download")
    if standing.slug in {Headline.REISSUE_DUE, Headline.EXPIRED}:
        if may_reissue(plan, now):
            return NextStep(_("Get the next certificate"), f"{page}#reissue", urgent=True)
        return NextStep(_("Order now"), reverse("products"))
    return None
