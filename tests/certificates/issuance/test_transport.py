"""Whatever breaks between us and the CA, at whichever request: no state changes, we come back later, one certificate."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from certificates.connectors.rfc8555 import transport
from certificates.models import Certificate
from tests.certificates.connectors.rough_ca import Reply, problem
from tests.certificates.issuance.desk import MOST_PER_HOUR, newest

pytestmark = pytest.mark.django_db

VERBS = ["newAccount", "newOrder", "authz", "chall", "order", "finalize", "cert", "deactivate"]
HTML = Reply(502, b"<html>Bad gateway</html>", content_type="text/html")
FAULTS = {
    "503": problem("serverInternal", 503),
    "500 at once please": problem("serverInternal", 500, headers={"Retry-After": "0"}),
    "html": HTML,
    "html with 200": Reply(200, b"<html>Welcome</html>", content_type="text/html"),
    "reset mid-body": Reply(200, b"x" * 4000, dies="mid-body"),
    "reset": Reply(dies="before"),
    "bad nonces": problem("badNonce"),
    "late": Reply(sleeps=1.5),
}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(transport, "READ_SECONDS", 1.0)


ANSWER_LOST = ["500 at once please", "reset mid-body", "late"]
CASES = [(verb, fault, False) for verb in VERBS for fault in FAULTS]
# Where newAccount leads to a web page the address is wrong, which is an operator's matter.
CASES.remove(("newAccount", "html with 200", False))
CASES += [(verb, fault, True) for verb in VERBS for fault in ANSWER_LOST]


@pytest.mark.parametrize(("verb", "fault", "acts"), CASES)
def test_a_transport_fault_changes_no_state_and_is_got_over(desk, alice, verb, fault, acts):
    if fault == "bad nonces":
        desk.ca.spoil(verb, *[FAULTS[fault]] * 10, acts=acts)
    else:
        desk.ca.spoil(verb, FAULTS[fault], acts=acts)
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=5), until=lambda: not desk.ca.faults[verb])
    order = newest(wanted)
    assert order.attempt == 1
    assert order.status != "invalid"
    assert verb == "deactivate" or (order.due_at > desk.now and order.problem)
    assert order.due_at <= desk.now + timedelta(minutes=2), "one fault is not a reason to sleep"
    desk.check()
    desk.run_until_issued(wanted, timedelta(minutes=30))
    assert wanted.acme_orders.filter(finalizing_at__isnull=False).count() == 1
    assert desk.ca.certificates == 1


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("fault", ["503", "500 at once please", "reset"])
def test_a_ca_that_is_down_for_long_is_asked_ever_more_seldom(desk, alice, verb, fault):
    desk.ca.spoil_always(verb, FAULTS[fault])
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=6))
    assert desk.ca.asked_for[verb] < 45, desk.ca.asked_for
    desk.check()
    if verb not in {"deactivate"}:
        assert not Certificate.objects.exists()
        assert "staff" not in desk.standing(wanted).sentence
        desk.ca.heal()
        desk.run_until_issued(wanted)


def test_a_refused_connection_is_not_the_customers_fault(desk, alice):
    desk.account.directory_url = "https://127.0.0.1:9/directory"
    desk.account.save()
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=1))
    order = newest(wanted)
    assert order.status == "pending"
    assert "again by ourselves" in desk.standing(wanted).sentence
    desk.account.directory_url = desk.ca.url("/directory")
    desk.account.save()
    desk.run_until_issued(wanted)


@pytest.mark.parametrize("verb", VERBS[:-1])
@pytest.mark.parametrize("form", ["seconds", "date", "absent", "past"])
def test_a_rate_limit_is_obeyed_to_the_second(desk, alice, verb, form):
    later = desk.now + timedelta(minutes=40)
    headers = {
        "seconds": {"Retry-After": "2400"},
        "date": {"Retry-After": format_datetime(later, usegmt=True)},
        "absent": {},
        "past": {"Retry-After": format_datetime(desk.now - timedelta(days=1), usegmt=True)},
    }[form]
    desk.ca.spoil(verb, problem("rateLimited", 429, headers=headers))
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=5), until=lambda: not desk.ca.faults[verb])
    order, before = newest(wanted), desk.ca.counted
    assert order.status != "invalid"
    expected = timedelta(minutes=40) if form in {"seconds", "date"} else timedelta(hours=1)
    assert abs(order.due_at - desk.now - expected) < timedelta(seconds=20)
    assert order.problem["type"].endswith("rateLimited")
    desk.run(expected - timedelta(seconds=30))
    assert desk.ca.counted == before, "the CA was asked before the time it gave"
    desk.check()
    desk.run_until_issued(wanted)


def test_nobody_can_wake_an_order_that_the_ca_told_to_wait(desk, alice):
    from certificates import issuance

    desk.ca.spoil_always("newOrder", problem("rateLimited", 429, headers={"Retry-After": "2400"}))
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(seconds=10))
    before = desk.ca.counted
    for _press in range(20):
        issuance.look_again(wanted, by=alice, now=desk.now)
        desk.run(timedelta(seconds=5))
    assert desk.ca.counted == before
    assert newest(wanted).due_at > desk.now + timedelta(minutes=30)


def test_one_fault_after_many_polls_is_not_a_day_of_sleep(desk, alice):
    desk.ca.processing_polls = 9
    wanted = desk.wish(alice, "shop.example")
    desk.run(timedelta(minutes=5), until=lambda: any(order.polls == 8 for order in desk.ca.orders))
    desk.ca.spoil("order", HTML)
    desk.run(timedelta(minutes=2), until=lambda: not desk.ca.faults["order"])
    assert newest(wanted).due_at < desk.now + timedelta(minutes=1)
    desk.run_until_issued(wanted, timedelta(minutes=5))


def test_a_retry_after_of_nothing_does_not_make_us_poll_hot(desk, alice):
    desk.ca.retry_after = "0"
    desk.ca.validates = "never"
    desk.wish(alice, "shop.example")
    desk.run(timedelta(hours=1))
    assert desk.ca.counted < MOST_PER_HOUR * 3
