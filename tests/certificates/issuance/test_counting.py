"""What one certificate costs the CA in requests (research: at most 8 for one name, newNonce next to never)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from certificates import issuance
from certificates.connectors.acme import AcmeConnector
from certificates.connectors.rfc8555 import transport
from certificates.models import AcmeOrder, Certificate
from tests.certificates.issuance.conftest import issue
from tests.contracts.ca import running_pebble
from tests.factories import CaAccountFactory, plan_for

pytestmark = pytest.mark.django_db

CASES = [(1, 8), (5, 5 + 2 * 5 + 5)]


@pytest.mark.parametrize(("names", "most"), CASES)
def test_a_certificate_costs_five_requests_and_three_for_each_name(desk, alice, names, most):
    desk.run_until_issued(desk.wish(alice, "warm-up.example"))
    before = desk.ca.counted
    desk.run_until_issued(desk.wish(alice, *(f"n{number}.example" for number in range(names))))
    assert desk.ca.counted - before == most
    assert desk.ca.asked_for["directory"] == 1
    assert desk.ca.asked_for["newNonce"] == 1


@pytest.mark.parametrize("shared", [True, False])
def test_an_account_of_one_customer_keeps_what_was_proven_and_asks_less(desk, alice, shared):
    desk.ca.reuses_valid = True
    desk.account.shared = shared
    desk.account.save()
    desk.run_until_issued(desk.wish(alice, "shop.example"))
    before = desk.ca.counted
    desk.run_until_issued(desk.wish(alice, "shop.example"))
    assert desk.ca.counted - before == (8 if shared else 5)


@pytest.mark.town
@pytest.mark.parametrize(("names", "most"), CASES)
def test_a_real_ca_is_asked_no_more_than_that(db, alice, tmp_path, monkeypatch, names, most):
    asked: Counter[str] = Counter()
    exchange = transport.Transport.exchange

    def counting(self, verb, method, url, **kwargs):
        asked[method] += 1
        return exchange(self, verb, method, url, **kwargs)

    monkeypatch.setattr(transport.Transport, "exchange", counting)
    with running_pebble(tmp_path, environment={"PEBBLE_WFE_NONCEREJECT": "0"}) as server:
        account = CaAccountFactory(
            directory_url=server.directory_url, roots_pem=server.roots_pem, terms_agreed_at=timezone.now()
        )
        costs = []
        for number in range(4):
            wanted = plan_for(alice, *(f"n{number}-{name}.example" for name in range(names)), account=account)
            asked.clear()
            issue(issuance.request(wanted, by=alice, now=timezone.now()))
            costs.append(asked["POST"])
    # The first one opens the account; a machine that is busy may need a poll more now and then.
    assert min(costs) <= most, costs


def test_an_idle_order_costs_the_ca_nothing(desk, alice):
    desk.shows = False
    desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=1))
    before = desk.ca.counted
    desk.run(timedelta(hours=12))
    assert desk.ca.counted == before
    assert AcmeOrder.objects.get().waiting_for == "customer"
    assert not Certificate.objects.exists()


class Killed(BaseException):
    """As good as SIGKILL for what the rows say: nothing catches it."""


def test_what_a_walk_that_died_has_asked_is_counted(desk, alice, monkeypatch):
    real, deaths = AcmeConnector.finalize, [1]

    def dies_once(self, *args, **kwargs):
        if deaths:
            deaths.pop()
            raise Killed
        return real(self, *args, **kwargs)

    monkeypatch.setattr(AcmeConnector, "finalize", dies_once)
    wanted = desk.wish(alice, "shop.example")
    with pytest.raises(Killed):
        desk.run(timedelta(minutes=5))
    order = wanted.acme_orders.get()
    assert order.requests == sum(desk.ca.asked_for.values()) > 5
    desk.run_until_issued(wanted)
    order.refresh_from_db()
    assert order.requests == sum(desk.ca.asked_for.values()) > 5
