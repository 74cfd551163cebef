"""Which profile an order asks for, committed before newOrder; and what the CA's time for showing a name turns out to be."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from audit.record import record
from audit.vocabulary import Action
from certificates.connection import note_directory
from certificates.connectors.base import AuthorizationFacts, AuthorizationStatus
from certificates.connectors.problems import ACME_PREFIX, CaError
from certificates.issuance import operators, unattended
from certificates.issuance.problems import ours
from certificates.issuance.walk import Done, Walk
from certificates.models import CaAccount, ProductIssuer
from certificates.profiles import LEAST_FOR_PEOPLE, is_too_short, wanted_profile

INVALID_PROFILE = ACME_PREFIX + "invalidProfile"
# An authorization that the CA has used before has less time left; a tenth is no news.
NEWS = 0.1


def choose(walk: Walk) -> Done | None:
    """Settle what to ask for. A profile that the CA does not advertise is never sent (draft-ietf-acme-profiles §4).

    One that leaves people too little time is sent only where every name proves itself: else the CA's default stands in
    for the account's profile, and an operator decides where the product is sold with it.
    """
    order, house = walk.order, walk.order.account.house_account
    # What a CA does not advertise cannot have been chosen for a product.
    said = bool(house.profiles or house.profile)
    wanted = wanted_profile(house, walk.issuance.plan.product) if said else ""
    if wanted and wanted not in house.profiles:
        # Perhaps it is new there: the directory is read once more before anybody is troubled.
        note_directory(house, walk.ca.directory(), walk.now)
    if wanted and house.profiles and wanted not in house.profiles:
        return operators.needs_operator(walk, ours("profile_gone", _gone(walk, wanted), walk.now))
    chosen = wanted if house.profiles else ""
    if chosen and is_too_short(house, chosen) and not unattended.proves_itself(walk):
        if _is_demanded(walk, chosen):
            return operators.needs_operator(walk, ours("profile_hasty", _too_short(walk, chosen), walk.now))
        walk.profile_left_out, chosen = chosen, ""
    if order.profile != chosen:
        # Committed with the intent, before newOrder.
        order.keep(profile=chosen)
    walk.profile_chosen = True
    return None


def _is_demanded(walk: Walk, profile: str) -> bool:
    """True where none may stand in for it: the product is sold with it, or an address, which CAs tie to profiles, is named."""
    issuers = ProductIssuer.objects.filter(
        product=walk.issuance.plan.product, account=walk.order.account.house_account, profile=profile
    )
    return any(name.is_ip for name in walk.names) or issuers.exists()


def _too_short(walk: Walk, profile: str) -> str:
    text = _(
        "Under the profile “%(profile)s” %(ca)s leaves people too little time to show a name, and a name of this order"
        " needs a person. Choose another profile, or none, on the page of the CA account."
    )
    return text % {"ca": walk.order.account.house_account.name, "profile": profile}


def _gone(walk: Walk, profile: str) -> str:
    text = _(
        "%(ca)s no longer offers the profile “%(profile)s” that this product asks for. Choose another one, or none, on the page of the CA account."
    )
    return text % {"ca": walk.order.account.house_account.name, "profile": profile}


def is_refused(error: CaError) -> bool:
    return error.typ == INVALID_PROFILE


def refused(walk: Walk, error: CaError) -> Done:
    """The CA will not have this profile: a matter of the product, so that other products' orders go on."""
    text = _(
        "%(ca)s refuses the profile “%(profile)s”: %(said)s Choose another one, or none, for this product on the page of the CA account."
    )
    values = {
        "ca": walk.order.account.house_account.name,
        "profile": walk.order.profile,
        "said": error.detail,
    }
    return operators.needs_operator(walk, ours("profile_refused", text % values, walk.now))


def measure(walk: Walk, facts: AuthorizationFacts) -> None:
    """Remember how long a new authorization waits for us; tell an operator, once, when that is too short for people."""
    if facts.status is not AuthorizationStatus.PENDING or facts.expires is None:
        return
    house, profile = walk.order.account.house_account, walk.order.profile
    seconds = int((facts.expires - walk.now).total_seconds())
    before = house.pending_lives.get(profile)
    if seconds <= 0 or (before is not None and abs(seconds - before) <= before * NEWS):
        return
    short = timedelta(seconds=seconds) < LEAST_FOR_PEOPLE
    with transaction.atomic():
        # Read anew and held: another worker may have measured another profile a moment ago.
        held = CaAccount.objects.filter(pk=house.pk).select_for_update(no_key=True)
        lives, since = held.values_list("pending_lives", "short_since").get()
        lives |= {profile: seconds}
        since = {profile: walk.now.isoformat()} | since if short else _without(since, profile)
        CaAccount.objects.filter(pk=house.pk).update(pending_lives=lives, short_since=since)
        if short and (before is None or timedelta(seconds=before) >= LEAST_FOR_PEOPLE):
            record(
                Action.CA_SHORT_TIME,
                house,
                now=walk.now,
                by="issuance",
                plan_id=walk.issuance.plan_id,
                profile=profile,
                seconds=seconds,
            )
    house.pending_lives = lives


def _without(times: dict[str, str], profile: str) -> dict[str, str]:
    return {name: time for name, time in times.items() if name != profile}
