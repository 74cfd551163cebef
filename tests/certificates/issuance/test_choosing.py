"""A product's accounts in their order: what moves an order on, what must never, and what the customer is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import Letter
from audit.models import Entry
from certificates import issuance, keys, vault
from certificates.issuance import breaker
from certificates.models import AcmeOrder, CaAccount, CaLimit, CaUse, Certificate, Issuance, ProductIssuer
from leases import LeaseLost
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import newest
from tests.certificates.issuance.little_ca import LittleCa
from tests.factories import CaAccountFactory, plan_for
from tests.validation.fake_dns import FakeDns
from validation.models import Authorization, Delegation

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
BROKEN = problem("serverInternal", 500)
VERBS = ("directory", "newAccount", "newOrder", "order", "authz", "chall", "finalize", "cert", "deactivate")


@pytest.fixture
def second_ca(tmp_path: Path) -> Iterator[LittleCa]:
    folder = tmp_path / "second"
    folder.mkdir()
    server = LittleCa(folder)
    yield server
    server.stop()


@pytest.fixture
def second(desk, second_ca: LittleCa) -> CaAccount:
    return CaAccountFactory(
        name="Second CA", directory_url=second_ca.url("/directory"), roots_pem=second_ca.roots_pem
    )


@pytest.fixture
def dns(settings) -> Iterator[FakeDns]:
    server = FakeDns()
    settings.VALIDATION_NAMESERVERS = [server.text]
    yield server
    server.close()


def wish(desk, owner, second: CaAccount, *names: str, level: str = "dv") -> Issuance:
    plan = plan_for(owner, *names, account=desk.account)
    plan.product.level = level
    plan.product.save()
    ProductIssuer.objects.create(product=plan.product, account=second, position=1)
    return issuance.request(plan, by=owner, now=desk.now)


def down(ca: LittleCa) -> None:
    for verb in VERBS:
        ca.spoil_always(verb, BROKEN)


def accounts_of(wanted: Issuance) -> list[str]:
    return list(wanted.acme_orders.order_by("attempt").values_list("account__name", flat=True))


def finalized(wanted: Issuance) -> int:
    return wanted.acme_orders.filter(finalizing_at__isnull=False).count()


# --- outage ---------------------------------------------------------------------------------------------------


def test_a_short_outage_is_waited_out(desk, alice, second):
    down(desk.ca)
    wanted = wish(desk, alice, second)
    desk.run(4 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name]
    desk.ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=1))
    assert accounts_of(wanted) == [desk.account.name]


def test_a_long_outage_moves_the_order_on_with_the_same_key(desk, alice, second, second_ca):
    down(desk.ca)
    wanted = wish(desk, alice, second)
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    certificate = Certificate.objects.get(issuance=wanted)
    wanted.refresh_from_db()
    assert certificate.account == second
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    key = keys.load_own(vault.open_key(wanted.key))
    assert keys.spki_sha256(key.public_key()) == certificate.spki_sha256
    assert second_ca.certificates == 1
    assert desk.ca.certificates == 0
    assert finalized(wanted) == 1
    entry = Entry.objects.get(action="acme_order:switched")
    assert entry.plan_id == wanted.plan_id
    assert "outage" in str(entry.details)
    # Nothing had been told to the customer, so nothing has to be told anew.
    assert not Letter.objects.filter(kind="ca_moved").exists()
    desk.check()


def test_an_order_that_comes_late_in_an_outage_moves_on_at_once(desk, alice, second):
    CaAccount.objects.filter(pk=desk.account.pk).update(
        failures=breaker.FAILURES + 4, resting_until=desk.now + 5 * MINUTE
    )
    wanted = wish(desk, alice, second)
    began = desk.now
    desk.run_until_issued(wanted, timedelta(minutes=5))
    assert Certificate.objects.get(issuance=wanted).issued_at - began < MINUTE
    assert desk.ca.counted == 0


def test_without_another_ca_an_outage_is_waited_out_however_long(desk, alice):
    down(desk.ca)
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=6))
    assert newest(wanted).attempt == 1
    desk.ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=2))


@pytest.mark.parametrize(
    "trouble",
    [
        {"enabled": False},
        {"paused_at": timezone.now(), "paused_why": "terms"},
        {"failures": 9, "resting_until": timezone.now() + timedelta(minutes=9)},
    ],
    ids=["disabled", "paused", "down"],
)
def test_another_ca_in_trouble_of_its_own_is_no_help(desk, alice, second, trouble):
    down(desk.ca)
    wanted = wish(desk, alice, second)
    if "resting_until" in trouble:
        trouble = trouble | {"resting_until": desk.now + timedelta(minutes=9)}
    CaAccount.objects.filter(pk=second.pk).update(**trouble)
    desk.run(8 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name]


def test_two_cas_that_are_down_do_not_play_ball_with_an_order(desk, alice, second, second_ca):
    down(desk.ca)
    down(second_ca)
    wanted = wish(desk, alice, second)
    desk.run(timedelta(hours=12))
    assert len(accounts_of(wanted)) == 2
    assert Letter.objects.count() == 0
    second_ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=2))


# --- the customer ---------------------------------------------------------------------------------------------


def test_who_has_published_is_not_asked_again_for_a_short_outage(desk, alice, second):
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    down(desk.ca)
    desk.shows = True
    desk.run(50 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name]
    desk.ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=1))
    assert accounts_of(wanted) == [desk.account.name]


def test_who_has_published_is_told_honestly_when_the_ca_is_out_for_long(desk, alice, second, second_ca):
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    first = newest(wanted)
    down(desk.ca)
    desk.shows = True
    desk.run(timedelta(hours=3), until=lambda: newest(wanted).attempt == 2)
    desk.shows = False
    desk.run(MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    standing = desk.standing(wanted)
    assert standing.slug == "waiting_for_you"
    assert "publish the new record or file" in standing.sentence
    letter = Letter.objects.get(kind="ca_moved")
    assert letter.to == "alice@example.org"
    assert "shop.example" in letter.subject
    assert first.authorizations.get().url != newest(wanted).authorizations.get().url
    desk.shows = True
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert Certificate.objects.get(issuance=wanted).account == second


def test_who_has_set_it_up_once_is_moved_soon_and_asked_for_nothing(desk, alice, second, second_ca):
    Delegation.objects.create(
        owner=alice, identifier="shop.example", zone="dcv.example", created_at=desk.now, seen_at=desk.now
    )
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    down(desk.ca)
    desk.shows = True
    desk.run(50 * MINUTE, until=lambda: newest(wanted).attempt == 2)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert Certificate.objects.get(issuance=wanted).account == second
    assert not Letter.objects.filter(kind="ca_moved").exists()


def test_the_old_authorizations_are_given_back_when_the_ca_answers_again(desk, alice, second, second_ca):
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    first = newest(wanted)
    down(desk.ca)
    desk.shows = True
    desk.run(timedelta(hours=3), until=lambda: newest(wanted).attempt == 2)
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    row = first.authorizations.get()
    assert row.due_at is None
    assert row.status == "pending"
    desk.ca.heal()
    desk.run(timedelta(hours=2))
    row.refresh_from_db()
    assert row.status == "deactivated"
    assert desk.ca.authzs[0].status == "deactivated"
    assert desk.next_due() is None
    # What was shown at the second CA was given back there, by its own account.
    assert {authz.status for authz in second_ca.authzs} == {"deactivated"}


def test_a_look_under_way_does_not_bring_an_abandoned_name_back(desk, alice, second):
    desk.shows = False
    wanted = wish(desk, alice, second)
    desk.run(5 * MINUTE)
    first = newest(wanted)
    down(desk.ca)
    desk.shows = True
    desk.run(MINUTE)
    Authorization.objects.update(due_at=desk.now)
    looking = Authorization.objects.claim(first.authorizations.get().pk, desk.now)
    desk.run(timedelta(hours=3), until=lambda: newest(wanted).attempt == 2)
    with pytest.raises(LeaseLost):
        looking.let_go(desk.now, shown_at=desk.now)
    assert first.authorizations.get().due_at is None


# --- never after finalize -------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["finalize", "order", "cert"])
def test_after_finalize_it_only_waits(desk, alice, second, second_ca, verb):
    """The CA may have signed: another one must not sign too, however long the first is away."""
    desk.ca.processing_polls = 1
    if verb == "finalize":
        desk.ca.spoil_always("finalize", Reply(dies="before"))
    wanted = wish(desk, alice, second)
    desk.run(MINUTE, until=lambda: finalized(wanted) == 1)
    down(desk.ca)
    desk.run(timedelta(days=2))
    assert accounts_of(wanted) == [desk.account.name]
    assert second_ca.counted == 0
    desk.ca.heal()
    desk.run_until_issued(wanted, timedelta(hours=3))
    assert finalized(wanted) == 1
    assert desk.ca.certificates == 1


def test_a_ca_that_processes_for_hours_after_finalize_is_waited_for(desk, alice, second, second_ca):
    desk.ca.processing_polls = 10_000
    wanted = wish(desk, alice, second)
    desk.run(timedelta(hours=5))
    assert accounts_of(wanted) == [desk.account.name]
    assert second_ca.counted == 0
    assert newest(wanted).status == "processing"


# --- a CA that looks and looks --------------------------------------------------------------------------------


def test_a_ca_that_looks_for_half_an_hour_is_left(desk, alice, second):
    desk.ca.validates = "never"
    wanted = wish(desk, alice, second)
    desk.run(25 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name]
    desk.run(20 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    desk.run(timedelta(hours=1), until=lambda: Certificate.objects.filter(issuance=wanted).exists())
    assert Certificate.objects.get(issuance=wanted).account == second


def test_people_at_a_ca_may_take_their_time(desk, alice, second):
    desk.ca.validates = "never"
    wanted = wish(desk, alice, second, level="ov")
    desk.run(timedelta(hours=5))
    assert accounts_of(wanted) == [desk.account.name]


# --- limits ---------------------------------------------------------------------------------------------------


def fill(desk, account: CaAccount, seconds: int) -> None:
    CaLimit.objects.create(account=account, kind="orders", amount=1, seconds=seconds)
    CaUse.objects.create(account=account, kind="orders", at=desk.now)


def test_a_slot_that_is_near_is_waited_for_and_a_far_one_is_not(desk, alice, bob, second):
    fill(desk, desk.account, 600)
    near = wish(desk, alice, second)
    desk.run_until_issued(near, timedelta(minutes=20))
    assert accounts_of(near) == [desk.account.name]
    CaLimit.objects.update(seconds=24 * 3600)
    far = wish(desk, bob, second, "bob.example")
    desk.run_until_issued(far, 2 * MINUTE)
    assert accounts_of(far) == [desk.account.name, "Second CA"]
    assert Entry.objects.get(action="acme_order:switched").details["why"] == "limit"


def test_the_cas_own_word_about_its_limit_counts_too(desk, alice, second):
    desk.ca.spoil_always("newOrder", problem("rateLimited", 429, headers={"Retry-After": "7200"}))
    wanted = wish(desk, alice, second)
    desk.run_until_issued(wanted, 5 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    assert desk.ca.asked_for["newOrder"] == 1


def test_another_ca_that_is_full_itself_is_no_help(desk, alice, second):
    fill(desk, desk.account, 24 * 3600)
    fill(desk, second, 12 * 3600)
    wanted = wish(desk, alice, second)
    desk.run(timedelta(hours=1))
    assert accounts_of(wanted) == [desk.account.name]
    assert newest(wanted).problem["type"] == "chancery:limit"


# --- CAA ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("issuer", "moves"), [("second.example", True), ("first.example", False)])
def test_a_ca_that_caa_forbids_is_passed_over(desk, alice, second, dns, issuer, moves):
    dns.add("shop.test", "CAA", f'0 issue "{issuer}"')
    CaAccount.objects.filter(pk=second.pk).update(caa_identities=["second.example"])
    fill(desk, desk.account, 24 * 3600)
    wanted = wish(desk, alice, second, "shop.test")
    desk.run(2 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name] + ["Second CA"] * moves


@pytest.mark.parametrize(
    ("parameters", "moves"),
    [
        ("accounturi=https://second.example/acct/7", True),
        ("accounturi=https://second.example/acct/8", False),
        ("validationmethods=http-01", True),
        ("validationmethods=dns-01", False),
        ("validationmethods=http-01,dns-01; accounturi=https://second.example/acct/7", True),
    ],
)
def test_a_ca_that_caa_forbids_by_account_or_method_is_passed_over(
    desk, alice, second, dns, parameters, moves
):
    """RFC 8657: the record may let the CA issue to another account only, or by another method than was chosen."""
    dns.add("shop.test", "CAA", f'0 issue "second.example; {parameters}"')
    CaAccount.objects.filter(pk=second.pk).update(
        caa_identities=["second.example"], account_url="https://second.example/acct/7"
    )
    fill(desk, desk.account, 24 * 3600)
    wanted = wish(desk, alice, second, "shop.test")
    entry = wanted.names[0] | {"method": "http-01"}
    Issuance.objects.filter(pk=wanted.pk).update(names=[entry])
    desk.shows = False
    desk.run(timedelta(seconds=2))
    assert accounts_of(wanted) == [desk.account.name] + ["Second CA"] * moves


def test_of_a_ca_with_an_account_for_each_customer_the_customers_own_is_judged(desk, alice, second, dns):
    dns.add("shop.test", "CAA", '0 issue "second.example; accounturi=https://second.example/acct/alice"')
    CaAccount.objects.filter(pk=second.pk).update(
        caa_identities=["second.example"], per_customer=True, account_url="https://second.example/acct/house"
    )
    CaAccountFactory(
        name="Alice's", parent=second, customer=alice, account_url="https://second.example/acct/alice"
    )
    fill(desk, desk.account, 24 * 3600)
    wanted = wish(desk, alice, second, "shop.test")
    desk.run(timedelta(seconds=1), until=lambda: wanted.acme_orders.count() == 2)
    assert wanted.acme_orders.count() == 2


# --- disabled -------------------------------------------------------------------------------------------------


def test_a_disabled_account_is_left_at_once_and_that_is_remembered(desk, alice, second):
    wanted = wish(desk, alice, second)
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=False)
    desk.run_until_issued(wanted, 5 * MINUTE)
    assert accounts_of(wanted) == ["Second CA"]
    assert Entry.objects.get(action="acme_order:switched").details["why"] == "disabled"


@pytest.mark.parametrize("resting", [False, True], ids=["well", "in trouble itself"])
def test_a_disabled_account_is_not_left_for_one_that_caa_forbids(
    desk, alice, second, second_ca, dns, resting
):
    dns.add("shop.test", "CAA", '0 issue "first.example"')
    CaAccount.objects.filter(pk=second.pk).update(
        caa_identities=["second.example"],
        failures=6 * resting,
        resting_until=desk.now + 5 * MINUTE if resting else None,
    )
    wanted = wish(desk, alice, second, "shop.test")
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=False)
    desk.run(MINUTE)
    order = newest(wanted)
    assert accounts_of(wanted) == [desk.account.name]
    assert order.waiting_for == "operator"
    assert "CAA" in order.problem["detail"]
    assert second_ca.counted == 0


def test_an_order_of_a_mass_reissue_waits_for_its_disabled_account(desk, alice, second, second_ca):
    from certificates.models import Campaign

    wanted = wish(desk, alice, second)
    campaign = Campaign.objects.create(
        from_account=second, to_account=desk.account, reason="distrust", created_at=desk.now
    )
    Issuance.objects.filter(pk=wanted.pk).update(campaign=campaign)
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=False)
    desk.run(timedelta(hours=2))
    assert accounts_of(wanted) == [desk.account.name]
    assert newest(wanted).waiting_for == "operator"
    assert second_ca.counted == 0
    CaAccount.objects.filter(pk=desk.account.pk).update(enabled=True)
    desk.run_until_issued(wanted, timedelta(hours=2))
    assert accounts_of(wanted) == [desk.account.name]


def test_an_order_of_a_campaign_stays_where_the_operator_wants_it(desk, alice, second):
    from certificates.models import Campaign

    fill(desk, desk.account, 24 * 3600)
    wanted = wish(desk, alice, second)
    campaign = Campaign.objects.create(
        from_account=second, to_account=desk.account, reason="distrust", created_at=desk.now
    )
    Issuance.objects.filter(pk=wanted.pk).update(campaign=campaign)
    desk.run(timedelta(hours=1))
    assert accounts_of(wanted) == [desk.account.name]


def test_a_request_withdrawn_at_the_last_moment_does_not_move(desk, alice, second):
    from certificates.issuance import choosing
    from certificates.issuance.walk import Walk

    wanted = wish(desk, alice, second)
    claimed = AcmeOrder.objects.select_related("account", "issuance__plan__owner").get(
        pk=AcmeOrder.objects.claim(newest(wanted).pk, desk.now).pk
    )
    walk = Walk(order=claimed, clock=lambda: desk.now, lease_at=desk.now)
    Issuance.objects.filter(pk=wanted.pk).update(state="withdrawn")
    assert choosing.move(walk, "outage", timedelta(hours=2)) is None
    assert wanted.acme_orders.count() == 1


def test_a_ca_that_says_it_is_away_for_an_hour_is_left_at_once(desk, alice, second):
    desk.ca.spoil_always("newOrder", problem("serverInternal", 503, headers={"Retry-After": "3600"}))
    wanted = wish(desk, alice, second)
    desk.run_until_issued(wanted, 2 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
    assert desk.ca.asked_for["newOrder"] == 1


def test_who_comes_while_a_ca_rests_for_an_hour_by_its_own_word_moves_on_too(desk, alice, second):
    CaAccount.objects.filter(pk=desk.account.pk).update(
        failures=breaker.FAILURES, resting_until=desk.now + timedelta(minutes=55)
    )
    wanted = wish(desk, alice, second)
    desk.run_until_issued(wanted, 2 * MINUTE)
    assert accounts_of(wanted) == [desk.account.name, "Second CA"]
