"""The pretend card processor under the real SDK: what holds here must hold at Stripe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.shopper import client_of, events, make, names
from tests.sandbox.till import SECRET_KEY, WEBHOOK_SECRET, Till, running_till, wait_until


@pytest.fixture(scope="module")
def shared_till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    with running_till(tmp_path_factory.mktemp("cards") / "cards.sqlite3") as till:
        yield till


@pytest.fixture
def till(shared_till: Till) -> Iterator[Till]:
    shared_till.receiver.got.clear()
    yield shared_till
    shared_till.receiver.answers.clear()
    shared_till.ahead = 0.0


@pytest.fixture
def client(till: Till) -> Any:
    return client_of(till)


def test_a_new_session_is_open_unpaid_and_says_what_was_asked(client: Any) -> None:
    session = make(client)
    assert (session.status, session.payment_status, session.livemode) == ("open", "unpaid", False)
    assert (session.amount_total, session.amount_subtotal, session.currency) == (3980, 3980, "eur")
    assert session.client_reference_id == "order-17"
    assert session.customer_email == "anna@example.com"
    assert session.metadata.to_dict() == {"order": "17", "attempt": "1"}
    assert session.payment_intent is None
    assert session.ui_mode == "hosted_page"
    assert httpx.get(session.url).status_code == 200


def test_a_session_is_found_again_with_its_line_items(client: Any) -> None:
    session = make(client)
    again = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]})
    assert again.id == session.id
    assert [(item.amount_total, item.quantity) for item in again.line_items.data] == [(3980, 2)]
    listed = client.v1.checkout.sessions.line_items.list(session.id)
    assert listed.data[0].price.unit_amount == 1990


def test_the_same_key_and_request_give_the_same_session_and_say_so(till: Till, client: Any) -> None:
    ends = int(time.time()) + 3600
    first = make(client, "order-17-1", expires_at=ends)
    before = len(till.state()["sessions"])
    second = make(client, "order-17-1", expires_at=ends)
    assert second.id == first.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert len(till.state()["sessions"]) == before


def test_the_same_key_with_another_request_is_refused(client: Any) -> None:
    ends = int(time.time()) + 3600
    make(client, "order-18-1", expires_at=ends)
    with pytest.raises(stripe.IdempotencyError) as refused:
        make(client, "order-18-1", expires_at=ends, client_reference_id="order-19")
    assert refused.value.http_status == 400


def test_a_request_refused_for_its_parameters_leaves_its_key_free(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        make(client, "order-20-1", success_url="nonsense")
    assert make(client, "order-20-1").status == "open"


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"mode": None}, "mode", "parameter_missing"),
        ({"mode": "subscription"}, "mode", None),
        ({"line_items": None}, "line_items", "parameter_missing"),
        ({"success_url": None}, "success_url", "parameter_missing"),
        ({"success_url": "javascript:alert(1)"}, "success_url", "url_invalid"),
        ({"expires_at": int(time.time()) + 600}, "expires_at", None),
        ({"expires_at": int(time.time()) + 48 * 3600}, "expires_at", None),
        ({"expires_at": "soon"}, "expires_at", "parameter_invalid_integer"),
        ({"customer_email": "anna"}, "customer_email", "email_invalid"),
        ({"client_reference_id": "x" * 201}, "client_reference_id", "parameter_invalid"),
        ({"metadata": {"k" * 41: "v"}}, f"metadata[{'k' * 41}]", "parameter_invalid"),
        ({"amount": 5}, "amount", "parameter_unknown"),
        ({"payment_intent_data": {"colour": "red"}}, "payment_intent_data[colour]", "parameter_unknown"),
    ],
)
def test_a_session_that_cannot_be_is_refused_and_the_parameter_named(
    client: Any, changes: dict[str, Any], param: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        make(client, **changes)
    assert (refused.value.http_status, refused.value.param, refused.value.code) == (400, param, code)


@pytest.mark.parametrize(
    ("price", "member"),
    [
        ({"unit_amount": -1}, "unit_amount"),
        ({"unit_amount": "19.90"}, "unit_amount"),
        ({"currency": "euro"}, "currency"),
    ],
)
def test_an_amount_is_a_whole_number_of_minor_units_in_a_currency(
    client: Any, price: dict[str, Any], member: str
) -> None:
    item = {
        "price_data": {"currency": "eur", "unit_amount": 100, "product_data": {"name": "DV"}, **price},
        "quantity": 1,
    }
    with pytest.raises(stripe.InvalidRequestError) as refused:
        make(client, line_items=[item])
    assert refused.value.param == f"line_items[0][price_data][{member}]"


@pytest.mark.parametrize("key", ["sk_test_other", "pk_test_sandbox"])
def test_another_key_is_not_let_in(till: Till, key: str) -> None:
    with pytest.raises(stripe.AuthenticationError) as refused:
        make(client_of(till, key))
    assert refused.value.http_status == 401
    assert key not in str(refused.value)


def test_no_key_is_not_let_in_and_a_basic_one_is(till: Till) -> None:
    assert httpx.get(f"{till.url}/v1/balance").status_code == 401
    assert httpx.get(f"{till.url}/v1/balance", auth=(SECRET_KEY, "")).status_code == 200


def test_every_answer_carries_a_request_id(till: Till, client: Any) -> None:
    assert make(client).last_response.request_id.startswith("req_")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.retrieve("cs_test_none")
    assert str(refused.value.request_id).startswith("req_")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_paying_settles_the_session_and_tells_the_portal_in_signed_events(till: Till, client: Any) -> None:
    session = make(client)
    answer = till.pay(session.id).json()
    assert answer["redirect"] == f"http://127.0.0.1:8000/paid?session={session.id}"
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.customer_details.email == "anna@example.com"
    assert (paid.payment_intent.status, paid.payment_intent.amount_received) == ("succeeded", 3980)
    assert paid.payment_intent.metadata.to_dict() == {"order": "17"}
    assert paid.payment_intent.latest_charge.paid is True
    wait_until(lambda: len(events(till, paid.payment_intent.id)) == 3)
    assert names(till, paid.payment_intent.id) == [
        "charge.succeeded",
        "checkout.session.completed",
        "payment_intent.succeeded",
    ]
    completed = next(
        event for event in events(till, session.id) if event.type == "checkout.session.completed"
    )
    assert completed.data.object.payment_status == "paid"
    assert completed.api_version == stripe.api_version


def test_a_webhook_signature_covers_every_octet_of_the_body(till: Till, client: Any) -> None:
    till.pay(make(client).id)
    wait_until(lambda: till.receiver.got)
    body, signature = till.receiver.got[0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, WEBHOOK_SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, "whsec_other")


def test_a_declined_card_leaves_the_session_open_to_try_again(till: Till, client: Any) -> None:
    session = make(client)
    assert till.pay(session.id, "declined").json()["problem"] == "Your card was declined."
    tried = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (tried.status, tried.payment_status) == ("open", "unpaid")
    assert tried.payment_intent.last_payment_error.code == "card_declined"
    till.pay(session.id)
    paid = client.v1.checkout.sessions.retrieve(session.id)
    assert (paid.payment_status, paid.payment_intent) == ("paid", tried.payment_intent.id)
    assert till.pay(session.id).status_code == 409


@pytest.mark.parametrize(
    ("outcome", "status", "event"),
    [
        ("delayed_paid", "paid", "checkout.session.async_payment_succeeded"),
        ("delayed_failed", "unpaid", "checkout.session.async_payment_failed"),
    ],
)
def test_a_delayed_payment_completes_unpaid_and_is_settled_later(
    till: Till, client: Any, outcome: str, status: str, event: str
) -> None:
    session = make(client)
    till.pay(session.id, outcome, delay=60)
    waiting = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (waiting.status, waiting.payment_status) == ("complete", "unpaid")
    assert waiting.payment_intent.status == "processing"
    till.ahead = 61
    wait_until(lambda: event in names(till, session.id))
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == status


def test_an_open_session_can_be_expired_by_a_call_and_not_twice(till: Till, client: Any) -> None:
    session = make(client)
    ended = client.v1.checkout.sessions.expire(session.id)
    assert (ended.status, ended.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
        client.v1.checkout.sessions.expire(session.id)
    wait_until(lambda: names(till, session.id) == ["checkout.session.expired"])
    assert till.pay(session.id).status_code == 409


def test_a_paid_session_cannot_be_expired(till: Till, client: Any) -> None:
    session = make(client)
    till.pay(session.id)
    with pytest.raises(stripe.InvalidRequestError, match="status of complete"):
        client.v1.checkout.sessions.expire(session.id)
    till.ahead = 2 * 3600
    time.sleep(0.6)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"


def test_a_session_ends_by_itself_when_its_time_is_over(till: Till, client: Any) -> None:
    session = make(client)
    till.ahead = 1801
    wait_until(lambda: names(till, session.id) == ["checkout.session.expired"])
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_a_refund_gives_back_all_or_a_part_and_never_more(till: Till, client: Any) -> None:
    session = make(client)
    till.pay(session.id)
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    part = client.v1.refunds.create(
        {"payment_intent": intent, "amount": 1000, "reason": "requested_by_customer"}
    )
    assert (part.amount, part.status, part.currency, part.payment_intent) == (
        1000,
        "succeeded",
        "eur",
        intent,
    )
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": intent, "amount": 2981})
    assert refused.value.param == "amount"
    rest = client.v1.refunds.create({"payment_intent": intent})
    assert rest.amount == 2980
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": intent})
    assert refused.value.code == "charge_already_refunded"
    assert client.v1.refunds.retrieve(part.id).charge == rest.charge
    assert [refund.id for refund in client.v1.refunds.list({"payment_intent": intent}).data] == [
        rest.id,
        part.id,
    ]
    charge = client.v1.charges.retrieve(rest.charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 3980)
    wait_until(lambda: names(till, part.charge).count("charge.refunded") == 2)
    assert names(till, part.charge).count("refund.created") == 2


def test_a_refund_asked_twice_with_one_key_is_given_once(till: Till, client: Any) -> None:
    session = make(client)
    till.pay(session.id)
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    one, two = (
        client.v1.refunds.create(
            {"payment_intent": intent, "amount": 500}, {"idempotency_key": f"refund-{intent}"}
        )
        for _ in range(2)
    )
    assert one.id == two.id
    assert len(client.v1.refunds.list({"payment_intent": intent}).data) == 1


def test_an_unpaid_session_has_nothing_to_refund(till: Till, client: Any) -> None:
    session = make(client)
    till.pay(session.id, "declined")
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent})


def test_sessions_are_listed_newest_first_in_pages_and_by_payment(till: Till, client: Any) -> None:
    made = [make(client).id for _ in range(5)]
    newest = client.v1.checkout.sessions.list({"limit": 2})
    assert [session.id for session in newest.data] == [made[4], made[3]]
    assert newest.has_more is True
    walked = [session.id for session, _ in zip(newest.auto_paging_iter(), range(5), strict=False)]
    assert walked == made[::-1]
    back = client.v1.checkout.sessions.list({"limit": 2, "ending_before": made[1]})
    assert [session.id for session in back.data] == [made[3], made[2]]
    till.pay(made[2])
    intent = client.v1.checkout.sessions.retrieve(made[2]).payment_intent
    assert [session.id for session in client.v1.checkout.sessions.list({"payment_intent": intent}).data] == [
        made[2]
    ]
    future = client.v1.checkout.sessions.list({"created": {"gt": int(time.time()) + 60}})
    assert future.data == []


def test_events_are_kept_for_whoever_missed_the_webhook(till: Till, client: Any) -> None:
    session = make(client)
    till.pay(session.id, webhook="never")
    listed = client.v1.events.list({"type": "checkout.session.completed", "limit": 1})
    assert listed.data[0].data.object.id == session.id
    assert client.v1.events.retrieve(listed.data[0].id).type == "checkout.session.completed"
    several = client.v1.events.list({"types": ["charge.succeeded", "payment_intent.succeeded"], "limit": 2})
    assert {event.type for event in several.data} == {"charge.succeeded", "payment_intent.succeeded"}
    time.sleep(0.6)
    assert events(till, session.id) == []


def test_a_webhook_is_sent_until_it_is_taken(till: Till, client: Any) -> None:
    till.receiver.answers = [500, 503, 404]
    session = make(client)

    def sent(times: int) -> bool:
        return len(events(till, session.id)) == times

    client.v1.checkout.sessions.expire(session.id)
    for attempts, seconds in enumerate((0, 2, 5, 30), 1):
        till.ahead = seconds
        wait_until(partial(sent, attempts))
    till.ahead = 1700
    time.sleep(0.6)
    assert len(events(till, session.id)) == 4
    assert len({event.id for event in events(till, session.id)}) == 1


def test_webhooks_can_come_twice_or_late(till: Till, client: Any) -> None:
    twice, late = make(client), make(client)
    till.pay(twice.id, webhook="twice")
    wait_until(lambda: names(till, twice.id) == ["checkout.session.completed"] * 2)
    assert len({event.id for event in events(till, twice.id)}) == 1
    till.pay(late.id, webhook="late", late=120)
    time.sleep(0.6)
    assert events(till, late.id) == []
    till.ahead = 121
    wait_until(lambda: names(till, late.id) == ["checkout.session.completed"])


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cards.sqlite3"
    with running_till(path) as till:
        client = client_of(till)
        session = make(client, "order-30-1", expires_at=(ends := int(time.time()) + 3600))
        till.pay(session.id, "delayed_paid", delay=1, webhook="late", late=1)
    with running_till(path) as till:
        client = client_of(till)
        assert make(client, "order-30-1", expires_at=ends).id == session.id
        wait_until(lambda: "checkout.session.async_payment_succeeded" in names(till, session.id))
        assert "checkout.session.completed" in names(till, session.id)
        assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_free_order_needs_no_payment(till: Till, client: Any) -> None:
    price = {"currency": "eur", "unit_amount": 0, "product_data": {"name": "Trial"}}
    session = make(client, line_items=[{"price_data": price, "quantity": 1}])
    till.pay(session.id)
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status, done.payment_intent) == (
        "complete",
        "no_payment_required",
        None,
    )


def test_the_account_and_the_balance_can_be_read(till: Till, client: Any) -> None:
    assert client.v1.accounts.retrieve_current().charges_enabled is True
    assert client.v1.balance.retrieve().livemode is False


def test_an_endpoint_that_is_not_here_says_so(client: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.customers.list()
    assert refused.value.http_status == 404
