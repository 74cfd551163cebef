"""The hosted payment page, as a person meets it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sandbox.cards.hosted import CardRefused, read_card
from tests.sandbox.till import SECRET_KEY, Till, running_till, wait_until

GOOD = {"number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123", "email": "anna@example.com"}
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    with running_till(tmp_path_factory.mktemp("hosted") / "cards.sqlite3") as running:
        yield running


def open_session(till: Till, name: str = "DV certificate") -> dict[str, Any]:
    price = "line_items[0][price_data]"
    body = {
        "mode": "payment",
        f"{price}[currency]": "eur",
        f"{price}[unit_amount]": "1990",
        f"{price}[product_data][name]": name,
        "line_items[0][quantity]": "1",
        "success_url": "http://portal.example:8000/paid?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://portal.example:8000/cancelled",
    }
    answer = httpx.post(
        f"{till.url}/v1/checkout/sessions", data=body, headers={"Authorization": f"Bearer {SECRET_KEY}"}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def found(till: Till, identity: str) -> dict[str, Any]:
    answer = httpx.get(f"{till.url}/v1/checkout/sessions/{identity}", auth=(SECRET_KEY, ""))
    return dict(answer.json())


def press(till: Till, session: dict[str, Any], **typed: str) -> httpx.Response:
    return httpx.post(f"{till.url}/pay/{session['id']}", data={**GOOD, "action": "pay", **typed})


def test_the_page_shows_who_what_and_how_much_and_may_lead_to_the_portal_only(till: Till) -> None:
    session = open_session(till, "<script>alert(1)</script>")
    page = httpx.get(session["url"])
    for shown in ("Example Hosting", "EUR 19.90", "&lt;script&gt;", "4000 0000 0000 0002", "Sandbox."):
        assert shown in page.text
    assert 'href="http://portal.example:8000/cancelled"' in page.text
    policy = page.headers["content-security-policy"]
    assert policy.endswith("form-action 'self' http://portal.example:8000")


def test_pay_leads_back_to_the_portal_and_a_second_click_does_not_pay_again(till: Till) -> None:
    session = open_session(till)
    for _ in range(2):
        answer = press(till, session)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"http://portal.example:8000/paid?s={session['id']}"
    charges = [charge for charge in till.state()["charges"] if charge["receipt_email"] is None]
    intent = found(till, session["id"])["payment_intent"]
    assert [charge["payment_intent"] for charge in charges].count(intent) == 1
    assert "already paid" in httpx.get(f"{till.url}/pay/{session['id']}").text


def test_a_declined_card_is_told_on_the_page_and_what_was_typed_stays(till: Till) -> None:
    session = open_session(till)
    answer = press(till, session, number="4000000000000002", email="other@example.com")
    assert answer.status_code == 402
    assert "Your card was declined." in answer.text
    assert 'value="4000000000000002"' in answer.text
    assert 'value="other@example.com"' in answer.text
    assert found(till, session["id"])["status"] == "open"


@pytest.mark.parametrize(
    "typed",
    [
        {"number": "4111 1111 1111 1111"},
        {"number": ""},
        {"expiry": "13 / 34"},
        {"expiry": "10 / 26"},
        {"expiry": "soon"},
        {"cvc": "12"},
        {"cvc": "abc"},
    ],
)
def test_a_card_that_cannot_be_tried_is_refused_before_anything_happens(typed: dict[str, str]) -> None:
    with pytest.raises(CardRefused):
        read_card({**GOOD, **typed}, NOW)


def test_pay_later_completes_at_once_and_is_settled_after_the_seconds_chosen(till: Till) -> None:
    session = open_session(till)
    assert press(till, session, action="later", later="failed", seconds="0").status_code == 303
    wait_until(
        lambda: any(
            event["type"] == "checkout.session.async_payment_failed"
            and event["data"]["object"]["id"] == session["id"]
            for event in till.state()["events"]
        )
    )
    assert found(till, session["id"])["payment_status"] == "unpaid"


def test_no_card_number_is_kept(till: Till) -> None:
    press(till, open_session(till), number="5555 5555 5555 4444")
    kept = till.path.read_bytes() + till.path.with_name(till.path.name + "-wal").read_bytes()
    assert b"4444" in kept
    assert b"5555555555554444" not in kept
    assert b"5555 5555" not in kept


def test_an_expired_or_unknown_session_takes_no_money(till: Till) -> None:
    session = open_session(till)
    httpx.post(f"{till.url}/v1/checkout/sessions/{session['id']}/expire", auth=(SECRET_KEY, ""))
    assert "has expired" in press(till, session).text
    assert httpx.get(f"{till.url}/pay/cs_test_none").status_code == 404
    assert press(till, {"id": "cs_test_none"}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"outcome": "stolen"}, {"webhook": "sometimes"}, {"delay": -1}, {"delay": "x"}, {"late": 10**9}, [1]],
)
def test_the_control_interface_refuses_what_makes_no_sense(till: Till, body: Any) -> None:
    answer = httpx.post(f"{till.url}/control/pay/{open_session(till)['id']}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "query", ["created[x]=1", "created=soon", "limit=0", "limit[a]=1", "starting_after[a]=1", "colour=red"]
)
def test_a_list_refuses_filters_there_are_not(till: Till, query: str) -> None:
    answer = httpx.get(f"{till.url}/v1/checkout/sessions?{query}", auth=(SECRET_KEY, ""))
    assert answer.status_code == 400
    assert answer.json()["error"]["param"]
