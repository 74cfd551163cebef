"""Which profile is asked for, what a CA makes of it, and how much time it leaves for showing a name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit.models import Entry
from certificates import profiles
from certificates.connectors.base import AuthorizationFacts, AuthorizationStatus, Identifier
from certificates.issuance import profiling, unattended
from certificates.issuance.walk import Walk
from certificates.models import AcmeOrder, CaAccount, ProductIssuer
from tests.certificates.connectors.rough_ca import problem
from tests.certificates.issuance.desk import newest
from tests.conftest import NOW
from tests.factories import CaAccountFactory
from validation.models import Delegation

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PROFILES = {"classic": "The usual", "tlsserver": "Quick", "generous": "A year"}


@pytest.fixture
def advertised(desk):
    desk.ca.directory["meta"] = {"profiles": PROFILES}
    return desk


def asked_for(desk) -> list[str | None]:
    return [request.payload.get("profile") for request in desk.ca.asked("/newOrder")]


def choose(wanted, profile: str) -> None:
    ProductIssuer.objects.filter(product=wanted.plan.product).update(profile=profile)


def test_the_products_profile_is_sent_and_stands_in_the_row_before(advertised, alice):
    wanted = advertised.wish(alice, "shop.example")
    choose(wanted, "classic")
    advertised.run_until_issued(wanted)
    assert asked_for(advertised) == ["classic"]
    assert newest(wanted).profile == "classic"


def test_a_product_without_its_own_takes_the_accounts(advertised, alice):
    CaAccount.objects.filter(pk=advertised.account.pk).update(profile="classic")
    first = advertised.wish(alice, "shop.example")
    advertised.run_until_issued(first)
    second = advertised.wish(alice, "other.example")
    choose(second, "generous")
    advertised.run_until_issued(second)
    assert asked_for(advertised) == ["classic", "generous"]


def test_a_directory_without_profiles_is_sent_none(desk, alice):
    CaAccount.objects.filter(pk=desk.account.pk).update(profile="classic")
    wanted = desk.wish(alice, "shop.example")
    desk.run_until_issued(wanted)
    assert asked_for(desk) == [None]
    assert newest(wanted).profile == ""


def test_without_a_choice_the_ca_chooses(advertised, alice):
    advertised.run_until_issued(advertised.wish(alice, "shop.example"))
    assert asked_for(advertised) == [None]
    advertised.account.refresh_from_db()
    assert advertised.account.profiles == PROFILES


def test_a_profile_that_came_later_is_found_in_the_directory(desk, alice):
    desk.run_until_issued(desk.wish(alice, "first.example"))
    desk.ca.directory["meta"] = {"profiles": {"classic": "The usual"}}
    CaAccount.objects.filter(pk=desk.account.pk).update(profile="classic")
    desk.run_until_issued(desk.wish(alice, "shop.example"))
    assert asked_for(desk) == [None, "classic"]


def test_a_profile_that_is_gone_is_the_operators_and_nothing_is_ordered(advertised, alice):
    wanted = advertised.wish(alice, "shop.example")
    choose(wanted, "tlsclient")
    order = advertised.settle(wanted)
    assert asked_for(advertised) == []
    assert order.waiting_for == "operator"
    assert "no longer offers the profile “tlsclient”" in order.problem["detail"]
    assert "needs our staff" in advertised.standing(wanted).sentence
    advertised.account.refresh_from_db()
    assert advertised.account.paused_at is None, "other products go on"
    choose(wanted, "classic")
    advertised.run_until_issued(wanted)


def test_a_refused_profile_is_the_operators_in_clear_words_and_pauses_nobody(advertised, alice, bob):
    wanted = advertised.wish(alice, "shop.example")
    choose(wanted, "generous")
    advertised.ca.spoil("newOrder", problem("invalidProfile", 400, detail="Not for you."))
    advertised.run(MINUTE)
    order = newest(wanted)
    assert order.waiting_for == "operator"
    assert "refuses the profile “generous”: Not for you." in order.problem["detail"]
    assert order.intent_at is None
    advertised.account.refresh_from_db()
    assert advertised.account.paused_at is None
    other = advertised.wish(bob, "other.example")
    advertised.run(MINUTE)
    assert newest(other).status == "valid"


# --- how much time is left ------------------------------------------------------------------------------------------------


def told() -> list[dict]:
    return [entry.details for entry in Entry.objects.filter(action="ca_account:short_time")]


def test_an_hour_to_show_a_name_is_measured_and_told_once(advertised, alice):
    advertised.ca.authz_expires = advertised.now + HOUR
    CaAccount.objects.filter(pk=advertised.account.pk).update(profile="classic")
    for name in ("one.example", "two.example"):
        wanted = advertised.wish(alice, name)
        advertised.run_until_issued(wanted)
    advertised.account.refresh_from_db()
    assert 3500 < advertised.account.pending_lives["classic"] <= 3600
    assert set(advertised.account.short_since) == {"classic", ""}
    assert asked_for(advertised) == ["classic", None], "what was found to be too short is not asked for again"
    assert sorted(details["profile"] for details in told()) == ["", "classic"]
    assert profiles.is_too_short(advertised.account, "classic"), "measured wins over what is published"


def test_a_week_is_measured_and_nobody_is_troubled(desk, alice):
    desk.ca.authz_expires = desk.now + timedelta(days=7)
    desk.run_until_issued(desk.wish(alice, "shop.example"))
    desk.account.refresh_from_db()
    assert desk.account.pending_lives[""] > 600_000
    assert told() == []
    assert desk.account.short_since == {}


def test_a_ca_that_becomes_stricter_is_noticed(desk, alice):
    desk.ca.authz_expires = desk.now + timedelta(days=7)
    desk.run_until_issued(desk.wish(alice, "shop.example"))
    desk.ca.authz_expires = desk.now + HOUR
    desk.run_until_issued(desk.wish(alice, "other.example"))
    assert len(told()) == 1


@pytest.mark.parametrize(
    ("profile", "short"),
    [("tlsserver", True), ("shortlived", True), ("classic", False), ("", False), ("odd", False)],
)
def test_what_is_published_is_known_before_anything_is_measured(db, profile, short):
    assert profiles.is_too_short(CaAccountFactory(), profile) is short


# --- what is asked for then -----------------------------------------------------------------------------------------------


def standing_alias(owner, name: str, kind: str = "cname", **more) -> None:
    Delegation.objects.create(
        owner=owner, identifier=name, kind=kind, label=f"l{Delegation.objects.count()}", created_at=NOW,
        seen_at=NOW, **more,
    )  # fmt: skip


def left_out(wanted) -> list[str]:
    """Return what the plan's story says of profiles that were not asked for."""
    entries = Entry.objects.filter(plan_id=wanted.plan_id, action="acme_order:profile_left_out")
    return [entry.details["profile"] for entry in entries]


def test_an_accounts_hasty_profile_is_not_asked_for_where_people_publish(advertised, alice):
    CaAccount.objects.filter(pk=advertised.account.pk).update(profile="tlsserver")
    wanted = advertised.wish(alice, "shop.example")
    advertised.run_until_issued(wanted)
    assert asked_for(advertised) == [None]
    assert newest(wanted).profile == ""
    assert left_out(wanted) == ["tlsserver"]


def test_a_hasty_profile_that_the_product_is_sold_with_is_the_operators(advertised, alice):
    wanted = advertised.wish(alice, "shop.example")
    choose(wanted, "tlsserver")
    order = advertised.settle(wanted)
    assert asked_for(advertised) == []
    assert order.waiting_for == "operator"
    assert "leaves people too little time" in order.problem["detail"]
    choose(wanted, "classic")
    advertised.run_until_issued(wanted)
    assert asked_for(advertised) == ["classic"]


def test_no_default_stands_in_where_an_address_is_named(advertised, alice):
    CaAccount.objects.filter(pk=advertised.account.pk).update(profile="shortlived")
    advertised.ca.directory["meta"] = {"profiles": {"shortlived": "For addresses too"}}
    wanted = advertised.wish(alice, "192.0.2.7")
    order = advertised.settle(wanted)
    assert asked_for(advertised) == []
    assert order.waiting_for == "operator"


def test_a_hasty_profile_is_asked_for_where_every_name_proves_itself(advertised, alice):
    for name in ("shop.example", "www.shop.example"):
        standing_alias(alice, name)
    wanted = advertised.wish(alice, "shop.example", "www.shop.example")
    choose(wanted, "tlsserver")
    advertised.run_until_issued(wanted)
    assert asked_for(advertised) == ["tlsserver"]
    assert left_out(wanted) == []


def test_one_name_that_needs_a_person_is_enough_to_leave_it_out(advertised, alice, bob):
    CaAccount.objects.filter(pk=advertised.account.pk).update(profile="tlsserver")
    standing_alias(alice, "shop.example")
    standing_alias(bob, "www.shop.example")
    advertised.run_until_issued(advertised.wish(alice, "shop.example", "www.shop.example"))
    assert asked_for(advertised) == [None]


def test_a_redirect_proves_nothing_of_a_wildcard(advertised, alice):
    CaAccount.objects.filter(pk=advertised.account.pk).update(profile="tlsserver")
    standing_alias(alice, "shop.example", kind="redirect")
    advertised.run_until_issued(advertised.wish(alice, "*.shop.example"))
    assert asked_for(advertised) == [None]


def test_a_standing_record_proves_itself_at_the_customers_own_account_only(advertised, alice):
    own = {"profile": "tlsserver", "offers_persist": True, "customer": alice, "shared": False}
    CaAccount.objects.filter(pk=advertised.account.pk).update(**own)
    advertised.run_until_issued(advertised.wish(alice, "first.example"))
    advertised.account.refresh_from_db()
    for name, url in (("shop.example", advertised.account.account_url), ("other.example", "https://ca/1")):
        standing_alias(alice, name, kind="persist", account_uri=url, issuer="ca.example")
    order = AcmeOrder.objects.get()
    for name, proves in (("shop.example", True), ("other.example", False), ("first.example", False)):
        wanted = advertised.wish(alice, name)
        walk = Walk(order=newest(wanted), clock=lambda: advertised.now, lease_at=advertised.now)
        assert unattended.proves_itself(walk) is proves, name
    assert order.profile == ""


def test_a_name_that_the_ca_knows_beforehand_proves_itself(advertised, alice):
    CaAccount.objects.filter(pk=advertised.account.pk).update(
        email_mode="prevalidated", publicly_trusted=False
    )
    wanted = advertised.wish(alice, "shop.example")
    wanted.names = [wanted.names[0] | {"method": "email", "approver": "a@shop.example"}]
    wanted.save()
    walk = Walk(order=newest(wanted), clock=lambda: advertised.now, lease_at=advertised.now)
    assert unattended.proves_itself(walk)
    CaAccount.objects.filter(pk=advertised.account.pk).update(email_mode="assisted", publicly_trusted=False)
    walk = Walk(order=newest(wanted), clock=lambda: advertised.now, lease_at=advertised.now)
    assert not unattended.proves_itself(walk)


def test_what_another_worker_measured_meanwhile_is_kept(advertised, alice):
    order = newest(advertised.wish(alice, "shop.example"))
    claimed = AcmeOrder.objects.select_related("account").get(pk=order.pk)
    walk = Walk(order=claimed, clock=lambda: advertised.now, lease_at=advertised.now)
    CaAccount.objects.filter(pk=advertised.account.pk).update(pending_lives={"tlsserver": 3600})
    expires = advertised.now + timedelta(days=7)
    pending = AuthorizationStatus.PENDING
    facts = AuthorizationFacts("https://ca/1", Identifier("shop.example"), False, pending, expires, ())
    profiling.measure(walk, facts)
    advertised.account.refresh_from_db()
    assert set(advertised.account.pending_lives) == {"tlsserver", ""}
