"""What an operator may do with a mass reissue: start, pause, go on, cancel. Each is remembered."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts.models import User
from audit.record import record
from audit.vocabulary import Action
from certificates.issuance.wishes import NotPossible
from certificates.models import CaAccount, Campaign
from leases import ring

MOST_PER_HOUR = 3600
UNDER_WAY = (Campaign.State.RUNNING, Campaign.State.PAUSED)


def start(
    from_account: CaAccount,
    to_account: CaAccount,
    *,
    reason: str,
    per_hour: int,
    by: User,
    now: datetime,
    address: str | None = None,
) -> Campaign:
    """Begin. Of one account there is one mass reissue at a time. Raises NotPossible."""
    if not 1 <= per_hour <= MOST_PER_HOUR:
        raise NotPossible(_("The pace must be between 1 and %(most)d an hour.") % {"most": MOST_PER_HOUR})
    if not to_account.enabled:
        raise NotPossible(_("%(name)s is disabled.") % {"name": to_account.name})
    with transaction.atomic():
        # Held: two operators who press at once start one.
        CaAccount.objects.select_for_update().get(pk=from_account.pk)
        if Campaign.objects.filter(from_account=from_account, state__in=UNDER_WAY).exists():
            raise NotPossible(_("A mass reissue of this CA account is under way already."))
        campaign = Campaign.objects.create(
            from_account=from_account,
            to_account=to_account,
            reason=reason,
            per_hour=per_hour,
            asked_by=by,
            created_at=now,
            due_at=now,
        )
        _remember(Action.CAMPAIGN_STARTED, campaign, by, now, address, reason=reason, per_hour=per_hour)
    ring()
    return campaign


def pause(campaign: Campaign, *, by: User, now: datetime, address: str | None = None) -> None:
    """Begin no further ones; what was begun goes on. Raises NotPossible."""
    running = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.RUNNING)
    with transaction.atomic():
        # The epoch moves on: a worker that is about to begin one finds that it may not.
        if (
            running.update(state=Campaign.State.PAUSED, due_at=None, lease_until=None, epoch=F("epoch") + 1)
            != 1
        ):
            raise NotPossible(_("This mass reissue is not running."))
        _remember(Action.CAMPAIGN_PAUSED, campaign, by, now, address)
    campaign.refresh_from_db()


def resume(campaign: Campaign, *, by: User, now: datetime, address: str | None = None) -> None:
    """Go on after a pause, at the same pace: what was missed is not caught up at once. Raises NotPossible."""
    paused = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.PAUSED)
    with transaction.atomic():
        if paused.update(state=Campaign.State.RUNNING, due_at=now) != 1:
            raise NotPossible(_("This mass reissue is not paused."))
        _remember(Action.CAMPAIGN_RESUMED, campaign, by, now, address)
    campaign.refresh_from_db()
    ring()


def cancel(campaign: Campaign, *, by: User, now: datetime, address: str | None = None) -> None:
    """End it for ever. Requests that were begun go on: their customers may have published already. Raises NotPossible."""
    under_way = Campaign.objects.filter(pk=campaign.pk, state__in=UNDER_WAY)
    with transaction.atomic():
        if (
            under_way.update(
                state=Campaign.State.CANCELLED,
                ended_at=now,
                due_at=None,
                lease_until=None,
                epoch=F("epoch") + 1,
            )
            != 1
        ):
            raise NotPossible(_("This mass reissue has ended."))
        _remember(Action.CAMPAIGN_CANCELLED, campaign, by, now, address)
    campaign.refresh_from_db()


def _remember(
    action: Action, campaign: Campaign, by: User, now: datetime, address: str | None, **details: object
) -> None:
    named = {"from_ca": campaign.from_account.name, "to_ca": campaign.to_account.name}
    record(action, campaign, now=now, by=by, address=address, plan_id=None, order_id=None, **named, **details)
