"""The campaigns queue: begins one reissue after the other, at most at the pace that was chosen, each plan at most once."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from audit.record import record
from audit.vocabulary import Action
from certificates.campaigns.closed import AT_ONCE, closed
from certificates.campaigns.taking_part import Why, left_in, to_come
from certificates.issuance import breaker, limits, wishes
from certificates.issuance.problems import ours
from certificates.models import CaAccount, Campaign, Certificate, Issuance
from certificates.renewal.engine import watch_from
from identifiers.names import Name
from leases import LeaseLost
from orders.models import Plan

BY = "campaigns"
# While the other CA stands still, or requests that others made have to end first.
CA_WAIT = timedelta(minutes=5)
BUSY_WAIT = timedelta(hours=1)
# What stands in the request of a certificate that could not be reissued.
LEFT_OUT = "chancery:campaign_left_out"


def go_on(campaign: Campaign, now: datetime) -> None:
    """Work one claimed campaign: begin one reissue, or write when there is one to begin. Raises LeaseLost."""
    campaign = _claimed(campaign)
    if campaign.state != Campaign.State.RUNNING:
        campaign.let_go(None)
        return
    if not stands(campaign.to_account, now):
        campaign.let_go(now + CA_WAIT)
        return
    slot = next_slot(campaign)
    if slot is not None and slot > now:
        campaign.let_go(slot)
        return
    certificate = to_come(campaign, now).select_related("issuance").first()
    if certificate is None:
        rest(campaign, now)
        return
    room = room_at(campaign, now)
    if room is not None:
        campaign.let_go(min(room, now + CA_WAIT))
        return
    begin(campaign, certificate, now)


def _claimed(campaign: Campaign) -> Campaign:
    """Return the row with its accounts, as long as the claim stands. Raises LeaseLost."""
    rows = Campaign.objects.select_related("from_account", "to_account")
    claimed = rows.filter(pk=campaign.pk, epoch=campaign.epoch).first()
    if claimed is None:
        raise LeaseLost(f"Campaign {campaign.pk}")
    return claimed


def stands(account: CaAccount, now: datetime) -> bool:
    """True if the CA can be given work: a thousand orders before a closed door help nobody."""
    resting = breaker.resting_until(account, now) is not None
    return account.enabled and account.paused_at is None and not resting


def room_at(campaign: Campaign, now: datetime) -> datetime | None:
    """Return when the other account has room for one more, None for at once: no queue is built there before its limits."""
    same = campaign.from_account_id == campaign.to_account_id
    told = same and campaign.to_account.has_renewal_info
    return limits.room_beyond_rest(campaign.to_account, now, replaced=told)


def next_slot(campaign: Campaign) -> datetime | None:
    """Return when the pace allows the next one; None for the first. Read from the rows: a pause is not caught up."""
    last: datetime | None = campaign.issuances.aggregate(last=Max("created_at"))["last"]
    return last + timedelta(hours=1) / campaign.per_hour if last is not None else None


def begin(campaign: Campaign, certificate: Certificate, now: datetime) -> None:
    """Open its issuance, or remember why not; either way this campaign is done with the plan. Raises LeaseLost."""
    again = now + timedelta(hours=1) / campaign.per_hour
    forbidden = closed_by_caa(campaign, certificate)
    with transaction.atomic():
        # First of all, so that of two workers, and of an operator who pauses, one goes first.
        campaign.renew_lease(now)
        if not _still_to_come(campaign, certificate, now):
            campaign.let_go(now)
            return
        try:
            if forbidden:
                raise wishes.NotReady(forbidden)
            with transaction.atomic():
                open_issuance(campaign, certificate, now)
        except wishes.NotReady as refused:
            leave_out(campaign, certificate, str(refused), now)
        campaign.let_go(again)


def _still_to_come(campaign: Campaign, certificate: Certificate, now: datetime) -> bool:
    """Read anew under the locks that whoever stores a certificate, stops a plan or opens a request needs too."""
    Certificate.objects.select_for_update().filter(pk=certificate.pk).values_list("pk").get()
    Plan.objects.select_for_update().filter(pk=certificate.plan_id).values_list("pk").get()
    return to_come(campaign, now).filter(pk=certificate.pk).exists()


def open_issuance(campaign: Campaign, certificate: Certificate, now: datetime) -> None:
    """Raises NotReady."""
    plan = Plan.objects.select_related("product", "item", "activation").get(pk=certificate.plan_id)
    wishes.request(
        plan,
        by=BY,
        now=now,
        kind=wishes.next_kind(plan),
        account=campaign.to_account,
        replaces=certificate,
        campaign=campaign,
    )
    watch_from(certificate, now)


def leave_out(campaign: Campaign, certificate: Certificate, why: str, now: datetime) -> None:
    """Remember in the plan's story that this campaign could not reissue: as a request that was given up at once."""
    issuance = Issuance.objects.create(
        plan_id=certificate.plan_id,
        kind=Issuance.Kind.REISSUE,
        state=Issuance.State.WITHDRAWN,
        names=certificate.issuance.names,
        replaces=certificate,
        campaign=campaign,
        created_at=now,
        ended_at=now,
        problem=ours(LEFT_OUT.removeprefix("chancery:"), why, now),
    )
    plan_id = certificate.plan_id
    record(Action.ISSUANCE_WITHDRAWN, issuance, now=now, by=BY, plan_id=plan_id, why=why)


def closed_by_caa(campaign: Campaign, certificate: Certificate) -> str:
    """Return why CAA records keep the other CA from issuing, "" where they do not (RFC 8659). Raises LeaseLost."""
    issuers = campaign.to_account.caa_names()
    names = [Name(ascii=n["ascii"], wildcard=n["wildcard"]) for n in certificate.issuance.names]
    for first in range(0, len(names), AT_ONCE):
        campaign.renew_lease(timezone.now())
        for report in closed(names[first : first + AT_ONCE], issuers):
            return f"{report.name}: {report.title} {report.advice}"
    return ""


def rest(campaign: Campaign, now: datetime) -> None:
    """Nothing can be begun now: wait for requests that others made, or end. Raises LeaseLost."""
    if left_in(campaign, now).filter(why=Why.BUSY).exists():
        campaign.let_go(now + BUSY_WAIT)
        return
    with transaction.atomic():
        campaign.let_go(None, state=Campaign.State.DONE, ended_at=now)
        record(Action.CAMPAIGN_DONE, campaign, now=now, by=BY)
