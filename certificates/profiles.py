"""How long a CA's profiles leave for showing a name, as data with dates, and what was measured (draft-ietf-acme-profiles)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from certificates.models import CaAccount, ProductIssuer
from orders.models import Product

# A person reads a mail, finds the password of the DNS console, waits for the TTL: less than this is a trap.
LEAST_FOR_PEOPLE = timedelta(hours=2)


@dataclass(frozen=True)
class Life:
    """What a CA publishes about a profile: how long a pending authorization lives, as read on that day."""

    pending: timedelta
    read_on: date


# Let's Encrypt's profiles; a CA that uses the same name for another life is found out by measuring.
PUBLISHED: Mapping[str, Life] = MappingProxyType(
    {
        "classic": Life(timedelta(days=7), date(2026, 7, 14)),
        "tlsserver": Life(timedelta(hours=1), date(2026, 7, 14)),
        "shortlived": Life(timedelta(hours=1), date(2026, 7, 14)),
    }
)


def pending_life(account: CaAccount, profile: str) -> timedelta | None:
    """Return how long a new authorization waits for us under this profile ("" is the CA's default), None if not known.

    What was measured at this CA wins over what is published.
    """
    measured = account.house_account.pending_lives.get(profile)
    if measured is not None:
        return timedelta(seconds=int(measured))
    published = PUBLISHED.get(profile)
    return published.pending if published else None


def is_too_short(account: CaAccount, profile: str) -> bool:
    """True if a person could not show a name in time: such a profile is for names that answer by themselves."""
    life = pending_life(account, profile)
    return life is not None and life < LEAST_FOR_PEOPLE


def wanted_profile(account: CaAccount, product: Product) -> str:
    """Return the profile that orders of this product ask this account for; empty for the CA's default."""
    house = account.house_account
    chosen = ProductIssuer.objects.filter(product=product, account=house).values_list("profile", flat=True)
    return next(iter(chosen), "") or house.profile


def hasty_in_use(account: CaAccount) -> list[str]:
    """Return the profiles ("" is the CA's default) that this account's products order by, and that are too short for people.

    Prefetch `issuers` where many accounts are looked at.
    """
    wanted = {issuer.profile or account.profile for issuer in account.issuers.all()}
    asked = {profile if account.profiles else "" for profile in wanted}
    return sorted(profile for profile in asked if is_too_short(account, profile))
