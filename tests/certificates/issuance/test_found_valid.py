"""A CA that finds standing records by itself and says no more than "valid": whose the name is, our own look tells."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from certificates.models import AcmeOrder, CaAccount, Certificate
from portal import sweeping
from portal.staff.stuck.words import sentence
from tests.certificates.connectors.rough_ca import Reply, Request
from tests.certificates.issuance.desk import Desk, newest
from tests.certificates.issuance.little_ca import Authz, LittleCa
from validation import persisting
from validation.models import Authorization, Control, Delegation, Probe

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


class SilentCa(LittleCa):
    """Says "valid" of the names in `finds`, for whatever reason, and not why."""

    finds: frozenset[str] = frozenset()

    def _authz(self, authz: Authz, request: Request, path: str) -> Reply:
        if authz.status == "pending" and authz.identifier in self.finds:
            authz.status = "valid"
        reply = super()._authz(authz, request, path)
        if authz.status == "valid" and not authz.answered:
            reply.body["challenges"] = []
        return reply


class LookingDesk(Desk):
    def step(self) -> bool:
        while sweeping.work_one("delegations"):
            pass
        return super().step()


@pytest.fixture
def little_ca(tmp_path):
    server = SilentCa(tmp_path)
    server.challenge_types = ("dns-01", "dns-persist-01")
    yield server
    server.stop()


@pytest.fixture
def desk(desk, dns):
    CaAccount.objects.filter(pk=desk.account.pk).update(
        per_customer=True, shared=False, caa_identities=["ca.example"], offers_persist=True
    )
    desk.account.refresh_from_db()
    return LookingDesk(desk.ca, desk.account, desk.clock)


def opened(desk, owner, name="first.example") -> CaAccount:
    """The customer's own account at the CA: there since their first certificate."""
    desk.run_until_issued(desk.wish(owner, name))
    return CaAccount.objects.get(parent=desk.account, customer=owner)


def offered(owner, account, name="shop.example", *, wildcard=False) -> Delegation:
    return persisting.offer(
        owner,
        name,
        account_uri=account.account_url,
        issuer="ca.example",
        wildcard=wildcard,
        now=timezone.now(),
    )


def publish(dns, text, name="shop.example") -> None:
    dns.txt(f"_validation-persist.{name}", text)


def stand(dns, owner, account, name="shop.example", *, wildcard=False) -> Delegation:
    row = offered(owner, account, name, wildcard=wildcard)
    publish(dns, persisting.value(row), name)
    return row


def got(wanted) -> bool:
    return Certificate.objects.filter(issuance=wanted).exists()


def refused(desk, wanted) -> bool:
    """Nobody shows anything by hand: what is valid at the CA alone must not do."""
    desk.shows = False
    desk.settle(wanted, HOUR)
    return not got(wanted) and not Control.objects.filter(method="dns-persist-01").exists()


# --- what it is for -----------------------------------------------------------------------------------------


def test_the_record_seen_just_now_is_the_proof_and_the_probe_is_kept_with_it(desk, dns, alice):
    mine = opened(desk, alice)
    stand(dns, alice, mine)
    desk.ca.finds, desk.shows = frozenset({"shop.example"}), False
    wanted = desk.wish(alice, "shop.example")
    desk.run_until_issued(wanted, timedelta(minutes=5))
    control = Control.objects.get(identifier="shop.example")
    assert (control.owner, control.method, control.wildcard) == (alice, "dns-persist-01", False)
    assert control.authorization is not None
    probe = Probe.objects.get(authorization=control.authorization)
    assert (probe.slug, probe.in_place, probe.method) == ("persist_in_place", True, "dns-persist-01")
    assert mine.account_url in probe.seen
    assert wanted.acme_orders.count() == 1, "nothing had to be ordered afresh"
    assert control.authorization.method == "dns-persist-01"


def test_an_order_goes_on_hours_after_the_look_once_its_other_name_is_shown(desk, dns, alice):
    stand(dns, alice, opened(desk, alice))
    desk.ca.finds, desk.shows = frozenset({"shop.example"}), False
    wanted = desk.wish(alice, "shop.example", "other.example")
    desk.run(timedelta(hours=5))
    assert not got(wanted)
    desk.shows = True
    desk.run_until_issued(wanted)
    assert wanted.acme_orders.count() == 1


def test_later_certificates_need_nobody(desk, dns, alice):
    stand(dns, alice, opened(desk, alice))
    desk.ca.finds, desk.shows = frozenset({"shop.example"}), False
    desk.run_until_issued(desk.wish(alice, "shop.example"))
    Control.objects.update(expires_at=timezone.now())
    desk.wait(timedelta(days=60))
    desk.run_until_issued(desk.wish(alice, "shop.example"))


def test_a_parents_record_with_the_policy_gives_the_names_below_it(desk, dns, alice):
    stand(dns, alice, opened(desk, alice), wildcard=True)
    desk.ca.finds, desk.shows = frozenset({"shop.example", "www.eu.shop.example"}), False
    desk.run_until_issued(desk.wish(alice, "www.eu.shop.example", "*.shop.example"))
    shown = Control.objects.filter(method="dns-persist-01").values_list("identifier", "wildcard")
    assert set(shown) == {("www.eu.shop.example", False), ("shop.example", True)}


# --- attacks ------------------------------------------------------------------------------------------------


def test_without_a_record_nothing_is_proven(desk, alice):
    opened(desk, alice)
    desk.ca.finds = frozenset({"shop.example"})
    assert refused(desk, desk.wish(alice, "shop.example"))


def test_another_customers_record_and_account_prove_nothing(desk, dns, alice, bob):
    stand(dns, alice, opened(desk, alice))
    theirs = opened(desk, bob, "bob.example")
    offered(bob, theirs)
    desk.ca.finds = frozenset({"shop.example"})
    assert refused(desk, desk.wish(bob, "shop.example"))
    assert Delegation.objects.get(owner=bob).finding["slug"] == "persist_other_account"


@pytest.mark.parametrize(
    "text",
    [
        "other-ca.example; accounturi={uri}",
        "ca.example; accounturi={uri}1",
        "ca.example; accounturi={uri}; persistUntil=1700000000",
        "ca.example; accounturi={uri}; persistUntil=never",
        "ca.example; accounturi={uri}; accounturi={uri}",
        "ca.example",
        "{uri}",
    ],
)
def test_a_record_that_says_something_else_proves_nothing(desk, dns, alice, text):
    mine = opened(desk, alice)
    offered(alice, mine)
    publish(dns, text.format(uri=mine.account_url))
    desk.ca.finds = frozenset({"shop.example"})
    assert refused(desk, desk.wish(alice, "shop.example"))


@pytest.mark.parametrize(
    ("at", "wildcard", "wanted"),
    [
        ("shop.example", False, "*.shop.example"),
        ("shop.example", False, "www.shop.example"),
        ("www.shop.example", True, "shop.example"),
        ("www.shop.example", True, "other.shop.example"),
        ("shop.example", True, "notshop.example"),
        ("shop.example", True, "shop.example.other.example"),
    ],
)
def test_a_record_gives_only_what_it_speaks_for(desk, dns, alice, at, wildcard, wanted):
    stand(dns, alice, opened(desk, alice), at, wildcard=wildcard)
    desk.ca.finds = frozenset({wanted.removeprefix("*.")})
    assert refused(desk, desk.wish(alice, wanted))


def test_a_record_that_asks_for_the_wildcard_but_stands_without_its_policy_proves_nothing(desk, dns, alice):
    mine = opened(desk, alice)
    row = offered(alice, mine, wildcard=True)
    publish(dns, persisting.value(row).replace("; policy=wildcard", ""))
    desk.ca.finds = frozenset({"shop.example"})
    assert refused(desk, desk.wish(alice, "*.shop.example"))


def test_an_account_that_two_rows_know_by_one_address_speaks_for_nobody(desk, dns, alice):
    mine = opened(desk, alice)
    stand(dns, alice, mine)
    CaAccount.objects.filter(pk=desk.account.pk).update(account_url=mine.account_url)
    desk.ca.finds = frozenset({"shop.example"})
    assert refused(desk, desk.wish(alice, "shop.example"))


def test_at_a_shared_account_the_record_of_that_account_proves_nothing(desk, dns, alice):
    CaAccount.objects.filter(pk=desk.account.pk).update(per_customer=False, shared=True)
    desk.run_until_issued(desk.wish(alice, "first.example"))
    house = CaAccount.objects.get(pk=desk.account.pk)
    stand(dns, alice, house)
    desk.ca.finds = frozenset({"shop.example"})
    wanted = desk.wish(alice, "shop.example")
    assert refused(desk, wanted)
    assert "customers share this account" in str(wanted.acme_orders.get(attempt=1).problem["detail"])
    assert "shop.example" not in {one.identifier for one in desk.ca.authzs if one.status == "valid"}


def test_a_ca_that_knows_names_beforehand_is_not_believed_because_of_a_record(desk, dns, alice):
    CaAccount.objects.update(email_mode="prevalidated", publicly_trusted=False)
    desk.account.refresh_from_db()
    stand(dns, alice, opened(desk, alice))
    desk.ca.finds = frozenset({"shop.example"})
    assert refused(desk, desk.wish(alice, "shop.example"))


def test_nor_is_one_that_calls_the_challenge_itself_valid(desk, alice):
    opened(desk, alice)
    CaAccount.objects.update(email_mode="prevalidated", publicly_trusted=False)
    desk.account.refresh_from_db()
    found = desk.wish(alice, "shop.example")
    desk.ca.finds = frozenset()
    desk.run(
        timedelta(minutes=1),
        until=lambda: bool(desk.ca.authzs) and desk.ca.authzs[-1].identifier == "shop.example",
    )
    desk.ca.authzs[-1].status, desk.ca.authzs[-1].answered = "valid", "dns-persist-01"
    assert refused(desk, found)


@pytest.mark.parametrize("since", [timedelta(minutes=6), timedelta(days=6), -timedelta(minutes=6)])
def test_an_old_look_does_not_do_when_the_record_is_gone(desk, dns, alice, since):
    row = stand(dns, alice, opened(desk, alice))
    desk.run(timedelta(minutes=1), until=lambda: False)
    sweeping.work_one("delegations")
    assert Delegation.objects.get(pk=row.pk).stands
    Delegation.objects.update(seen_at=timezone.now() - since)
    dns.remove("_validation-persist.shop.example", "TXT")
    desk.ca.finds = frozenset({"shop.example"})
    assert refused(desk, desk.wish(alice, "shop.example"))


def test_a_record_that_ends_between_the_look_and_the_proof_has_ended(desk, dns, alice, now):
    row = offered(alice, opened(desk, alice))
    ends = int(timezone.now().timestamp()) + 60
    publish(dns, f"{persisting.value(row)}; persistUntil={ends}")
    sweeping.work_one("delegations")
    row.refresh_from_db()
    just = timezone.now()
    assert persisting.was_seen(row, just, within=HOUR)
    assert not persisting.was_seen(row, just + timedelta(seconds=61), within=HOUR)


def test_a_look_at_what_the_record_said_before_does_not_speak_for_what_it_says_now(desk, dns, alice):
    mine = opened(desk, alice)
    row = stand(dns, alice, mine)
    claimed = Delegation.objects.claim(row.pk, timezone.now())
    CaAccount.objects.filter(pk=mine.pk).update(account_url=f"{mine.account_url}0")
    mine.refresh_from_db()
    offered(alice, mine)
    sweeping.work_at("delegations", claimed)
    row.refresh_from_db()
    assert not row.stands
    Delegation.objects.update(
        seen_at=timezone.now(), finding=persisting.find(claimed, timezone.now()).as_json()
    )
    row.refresh_from_db()
    assert row.stands
    assert not persisting.was_seen(row, timezone.now(), within=HOUR)


def test_what_support_has_withdrawn_is_not_there_again_by_the_same_authorization(desk, dns, alice):
    stand(dns, alice, opened(desk, alice))
    desk.ca.finds, desk.shows = frozenset({"shop.example"}), False
    wanted = desk.wish(alice, "shop.example", "other.example")
    desk.run(timedelta(minutes=5))
    Control.objects.filter(identifier="shop.example").update(
        withdrawn_at=timezone.now(), withdrawn_why="sold"
    )
    dns.remove("_validation-persist.shop.example", "TXT")
    desk.shows = True
    desk.ca.finds = frozenset()
    desk.run(timedelta(minutes=10), until=lambda: got(wanted))
    first = wanted.acme_orders.get(attempt=1)
    assert first.finalizing_at is None, "what is withdrawn does not count"


# --- in words -----------------------------------------------------------------------------------------------


def test_who_has_no_record_that_we_see_reads_what_to_do(desk, dns, alice):
    offered(alice, opened(desk, alice))
    desk.ca.finds, desk.ca.keeps_valid, desk.shows = frozenset({"shop.example"}), True, False
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted, HOUR)
    assert (order.attempt, order.waiting_for) == (1, AcmeOrder.WaitingFor.CUSTOMER)
    told = desk.standing(wanted)
    assert told.who == "customer"
    assert "shop.example" in told.sentence
    assert "Validate once" in told.sentence
    assert "Validate once" in str(sentence(order.problem))
    publish(dns, persisting.value(Delegation.objects.get()))
    desk.run_until_issued(wanted, HOUR)


def test_a_ca_that_finds_the_name_again_in_every_order_is_not_asked_hotly(desk, dns, alice):
    offered(alice, opened(desk, alice))
    desk.ca.finds, desk.shows = frozenset({"shop.example"}), False
    wanted = desk.wish(alice, "shop.example")
    order = desk.settle(wanted, timedelta(hours=3))
    assert order.attempt <= 8
    assert (
        "Validate once" in desk.standing(wanted).sentence
        or order.waiting_for == AcmeOrder.WaitingFor.OPERATOR
    )
    publish(dns, persisting.value(Delegation.objects.get()))
    desk.run_until_issued(wanted)


def test_dns_that_does_not_answer_delays_and_burns_no_order(desk, dns, alice):
    stand(dns, alice, opened(desk, alice))
    dns.fail("_validation-persist.shop.example")
    desk.ca.finds, desk.shows = frozenset({"shop.example"}), False
    wanted = desk.wish(alice, "shop.example")
    desk.settle(wanted, HOUR)
    assert not got(wanted)
    assert newest(wanted).attempt == 1
    dns.rcodes.clear()
    desk.run_until_issued(wanted)
    assert Authorization.objects.filter(identifier="shop.example").count() == 1
