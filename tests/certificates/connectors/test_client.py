"""Signed requests: nonces that are refused, answers that are no answers, and the directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from certificates.connectors.acme import AcmeConnector
from certificates.connectors.base import CaEndpoint, Identifier, OrderStatus
from certificates.connectors.problems import (
    AlreadyReplaced,
    CustomerMustAct,
    NotFound,
    OperatorMustAct,
    Outcome,
    ProtocolViolation,
    Refused,
    RetryAt,
    TryAgain,
)
from certificates.connectors.rfc8555 import client as client_module
from certificates.connectors.rfc8555.client import NONCE_TRIES, client_for
from tests.certificates.connectors.conftest import NOW
from tests.certificates.connectors.rough_ca import Reply, RoughCa, problem

ORDER = "/order/1"
HTML = Reply(502, b"<html><h1>Bad gateway</h1></html>", content_type="text/html")


def order_reply(ca: RoughCa, **rest: object) -> Reply:
    return Reply(body={"status": "pending", "authorizations": [], "finalize": ca.url("/finalize/1")} | rest)


# -- nonces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", [1, 5, NONCE_TRIES - 1])
def test_a_refused_nonce_is_replaced_at_once(ca: RoughCa, connector: AcmeConnector, refused: int) -> None:
    ca.say(ORDER, *[problem("badNonce")] * refused, order_reply(ca))
    assert connector.order(ca.url(ORDER)).status is OrderStatus.PENDING
    assert len(ca.asked(ORDER)) == refused + 1
    # The error's own nonce is used: newNonce is asked once, for the first request.
    assert len(ca.asked("/newNonce")) == 1
    assert len(ca.nonces_used) == len(set(ca.nonces_used))
    assert set(ca.nonces_used) <= ca.nonces_given


def test_a_ca_that_refuses_every_nonce_is_tried_later(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say(ORDER, problem("badNonce"))
    with pytest.raises(TryAgain, match="badNonce"):
        connector.order(ca.url(ORDER))
    assert len(ca.asked(ORDER)) == NONCE_TRIES


def test_a_slow_ca_that_refuses_nonces_is_left_before_the_lease_of_whoever_asks_runs_out(
    ca: RoughCa, connector: AcmeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer takes 0.2 s here, and a third of a second is allowed in place of 45 s."""
    monkeypatch.setattr(client_module, "NONCE_SECONDS", 0.3)
    ca.say(ORDER, replace(problem("badNonce"), sleeps=0.2))
    with pytest.raises(TryAgain, match="badNonce"):
        connector.order(ca.url(ORDER))
    assert len(ca.asked(ORDER)) == 2


def test_an_error_without_a_nonce_sends_for_a_new_one(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say(ORDER, replace(problem("badNonce"), nonce=None), order_reply(ca))
    connector.order(ca.url(ORDER))
    assert len(ca.asked("/newNonce")) == 2


def test_any_error_answers_nonce_serves_the_next_request(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say(ORDER, problem("caa", 403), order_reply(ca))
    with pytest.raises(CustomerMustAct):
        connector.order(ca.url(ORDER))
    connector.order(ca.url(ORDER))
    assert len(ca.asked("/newNonce")) == 1


@pytest.mark.parametrize("nonce", ["", "bad nonce", "näh", "a=b", "x" * 1001])
def test_a_nonce_that_is_not_base64url_is_ignored(ca: RoughCa, connector: AcmeConnector, nonce: str) -> None:
    ca.say(ORDER, replace(order_reply(ca), nonce=nonce))
    connector.order(ca.url(ORDER))
    connector.order(ca.url(ORDER))
    assert len(ca.asked("/newNonce")) == 2


def test_a_ca_without_nonces_is_tried_later(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/newNonce", Reply(nonce=None))
    with pytest.raises(TryAgain, match="no nonce") as refused:
        connector.order(ca.url(ORDER))
    assert refused.value.may_have_acted is False


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ({"Retry-After": "3600"}, timedelta(hours=1)),
        ({"Retry-After": "Mon, 23 Nov 2026 14:30:00 GMT"}, timedelta(hours=2, minutes=30)),
        ({}, timedelta(hours=1)),
    ],
)
def test_a_rate_limit_says_until_when(
    ca: RoughCa, connector: AcmeConnector, header: dict[str, str], wait: timedelta
) -> None:
    help_link = {"Link": '<https://ca.example/limits>;rel="help"'}
    ca.say("/newOrder", problem("rateLimited", 429, "too many certificates", headers=header | help_link))
    with pytest.raises(RetryAt) as refused:
        connector.new_order([Identifier("a.example")])
    assert refused.value.retry_at == NOW + wait
    assert refused.value.problem.help == "https://ca.example/limits"
    assert refused.value.detail == "too many certificates"
    assert refused.value.may_have_acted is False


@pytest.mark.parametrize("status", [429, 503])
def test_a_balancers_page_can_ask_for_patience_too(
    ca: RoughCa, connector: AcmeConnector, status: int
) -> None:
    ca.say(ORDER, replace(HTML, status=status, headers={"Retry-After": "90"}))
    with pytest.raises(RetryAt) as refused:
        connector.order(ca.url(ORDER))
    assert refused.value.retry_at == NOW + timedelta(seconds=90)


def test_unavailable_without_a_time_means_a_minute(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say(ORDER, replace(HTML, status=503))
    with pytest.raises(RetryAt) as refused:
        connector.order(ca.url(ORDER))
    assert refused.value.retry_at == NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    "reply",
    [
        HTML,
        *(replace(HTML, status=status) for status in (301, 307, 400, 403, 404, 405, 410, 500, 504, 520)),
        Reply(403, {"message": "Forbidden"}),
        Reply(404, {"message": "no route"}),
        Reply(400, b"[]"),
        Reply(500, b""),
        problem("serverInternal", 500),
        problem("rejectedIdentifier", 500),
        Reply(200, b"<html>login</html>", content_type="text/html"),
        Reply(200, b""),
        Reply(200, b"[]"),
        Reply(200, b'{"status": "vali', content_type="application/json"),
        Reply(200, b"{}", dies="before"),
        Reply(200, b"{}" * 4000, dies="mid-body"),
        Reply(200, b"x" * 2_000_000),
    ],
)
def test_trouble_on_the_way_never_becomes_a_verdict(
    ca: RoughCa, connector: AcmeConnector, reply: Reply
) -> None:
    ca.say(ORDER, reply)
    with pytest.raises(TryAgain) as refused:
        connector.order(ca.url(ORDER))
    assert refused.value.outcome is Outcome.BACKOFF


def test_a_server_error_may_have_done_something_and_a_refusal_has_not(
    ca: RoughCa, connector: AcmeConnector
) -> None:
    ca.say("/newOrder", Reply(500, b""))
    with pytest.raises(TryAgain) as broken:
        connector.new_order([Identifier("a.example")])
    assert broken.value.may_have_acted is True
    ca.say("/newOrder", problem("rejectedIdentifier", 400))
    with pytest.raises(Refused) as refused:
        connector.new_order([Identifier("a.example")])
    assert refused.value.may_have_acted is False


def test_a_conflict_over_a_predecessor_keeps_its_words(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/newOrder", problem("alreadyReplaced", 409, "already replaced by another order"))
    with pytest.raises(AlreadyReplaced, match="already replaced by another order"):
        connector.new_order([Identifier("a.example")], replaces="aaaa.bbbb")


def test_new_terms_stop_the_account_and_say_where_to_read_them(ca: RoughCa, connector: AcmeConnector) -> None:
    terms = {"Link": '<https://ca.example/terms/2027>;rel="terms-of-service"'}
    ca.say(
        "/newOrder",
        problem(
            "userActionRequired", 403, "Terms changed", instance="https://ca.example/agree?u=1", headers=terms
        ),
    )
    with pytest.raises(OperatorMustAct) as refused:
        connector.new_order([Identifier("a.example")])
    assert refused.value.instance == "https://ca.example/agree?u=1"
    assert refused.value.problem.terms_of_service == "https://ca.example/terms/2027"
    assert refused.value.typ == "urn:ietf:params:acme:error:userActionRequired"
    assert refused.value.status == 403


def test_a_dangerous_instance_is_dropped(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/newOrder", problem("userActionRequired", 403, instance="javascript:alert(1)"))
    with pytest.raises(OperatorMustAct) as refused:
        connector.new_order([Identifier("a.example")])
    assert refused.value.instance is None


def test_subproblems_say_which_name(ca: RoughCa, connector: AcmeConnector) -> None:
    names = [
        {
            "type": "urn:ietf:params:acme:error:malformed",
            "detail": "Invalid underscore\x1b[0m",
            "identifier": {"type": "dns", "value": "_a.example"},
        },
        {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "identifier": "not an object"},
        "not an object",
    ]
    ca.say("/newOrder", problem("malformed", 403, "Some names were rejected", subproblems=names))
    with pytest.raises(Refused) as refused:
        connector.new_order([Identifier("_a.example"), Identifier("b.example")])
    assert [each.identifier for each in refused.value.subproblems] == ["_a.example", "", ""]
    assert refused.value.subproblems[0].detail == "Invalid underscore [0m"


def test_a_problem_of_odd_shapes_still_is_one(ca: RoughCa, connector: AcmeConnector) -> None:
    odd = {"type": "urn:x", "detail": ["no"], "status": "403", "subproblems": {"a": 1}, "instance": 7}
    ca.say(ORDER, Reply(403, odd, content_type="application/problem+json"))
    with pytest.raises(OperatorMustAct) as refused:
        connector.order(ca.url(ORDER))
    assert (refused.value.detail, refused.value.subproblems, refused.value.status) == ("", (), 403)


def test_what_the_ca_says_is_capped(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say(ORDER, problem("caa", 403, "A" * 50_000 + "\x00"))
    with pytest.raises(CustomerMustAct) as refused:
        connector.order(ca.url(ORDER))
    assert refused.value.detail == "A" * 2000


@pytest.mark.parametrize(
    "reply", [Reply(404, b""), Reply(410, b""), problem("malformed", 404, "No such order")]
)
def test_a_forgotten_order_is_not_found(ca: RoughCa, connector: AcmeConnector, reply: Reply) -> None:
    ca.say(ORDER, reply)
    with pytest.raises(NotFound):
        connector.order(ca.url(ORDER))


# -- the directory --------------------------------------------------------------------------------


def test_the_directory_is_read_once_and_afresh_when_asked(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/newOrder", Reply(201, {"status": "pending"}, {"Location": ca.url(ORDER)}))
    for _ in range(3):
        connector.new_order([Identifier("a.example")])
    assert len(ca.asked("/directory")) == 1
    connector.directory()
    assert len(ca.asked("/directory")) == 2


def test_a_kept_directory_lapses(
    ca: RoughCa, connector: AcmeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca.say("/newOrder", Reply(201, {"status": "pending"}, {"Location": ca.url(ORDER)}))
    connector.new_order([Identifier("a.example")])
    monkeypatch.setattr(client_module, "DIRECTORY_LIFE", 0.0)
    connector.new_order([Identifier("a.example")])
    assert len(ca.asked("/directory")) > 1


@pytest.mark.parametrize(
    "change",
    [
        lambda ca: ca.say("/directory", Reply(404, b"")),
        lambda ca: ca.say("/directory", problem("malformed", 404)),
        lambda ca: ca.say("/directory", Reply(body={"hello": "world"})),
        lambda ca: ca.say("/directory", Reply(body=ca.directory | {"newOrder": 7})),
        lambda ca: ca.say("/directory", Reply(body=ca.directory | {"newNonce": "http://ca.example/nonce"})),
    ],
)
def test_an_address_that_is_no_acme_directory_is_the_operators(
    ca: RoughCa, connector: AcmeConnector, change: Callable[[RoughCa], None]
) -> None:
    change(ca)
    with pytest.raises(OperatorMustAct):
        connector.directory()


@pytest.mark.parametrize(
    "reply", [HTML, Reply(200, b"<html>maintenance</html>"), Reply(200, b"", dies="before")]
)
def test_a_directory_that_is_away_is_tried_later(ca: RoughCa, connector: AcmeConnector, reply: Reply) -> None:
    ca.say("/directory", reply)
    with pytest.raises(TryAgain):
        connector.directory()


def test_a_directory_of_odd_shapes_is_read_as_far_as_it_goes(ca: RoughCa, connector: AcmeConnector) -> None:
    meta = {
        "termsOfService": "data:text/plain,hello",
        "website": ["no"],
        "caaIdentities": "ca.example",
        "externalAccountRequired": "yes",
        "profiles": ["classic"],
    }
    for odd in (meta, "not an object", None):
        ca.say("/directory", Reply(body=ca.directory | {"meta": odd}))
        facts = connector.directory()
        assert (facts.terms_of_service, facts.website, facts.caa_identities, facts.profiles) == (
            None,
            None,
            (),
            {},
        )
        assert facts.external_account_required is False


def test_it_reads_what_a_full_directory_says(ca: RoughCa, connector: AcmeConnector) -> None:
    meta = {
        "termsOfService": "http://ca.example/terms",
        "website": "https://ca.example/",
        "caaIdentities": ["ca.example", "ca.test"],
        "externalAccountRequired": True,
        "profiles": {"classic": "The\x00 usual"},
    }
    extra = {"renewalInfo": ca.url("/ari"), "newAuthz": ca.url("/authz"), "meta": meta}
    ca.say("/directory", Reply(body=ca.directory | extra))
    facts = connector.directory()
    assert facts.terms_of_service == "http://ca.example/terms"
    assert facts.website == "https://ca.example/"
    assert facts.caa_identities == ("ca.example", "ca.test")
    assert facts.external_account_required is True
    assert facts.profiles == {"classic": "The usual"}
    assert (facts.has_renewal_info, facts.has_new_authz, facts.has_key_change) == (True, True, True)


def test_testing_the_connection_creates_nothing(ca: RoughCa, connector: AcmeConnector) -> None:
    connector.directory()
    assert [request.method for request in ca.requests] == ["GET"]


def test_a_ca_that_cannot_revoke_says_so(ca: RoughCa, connector: AcmeConnector) -> None:
    del ca.directory["revokeCert"]
    ca.say("/directory", Reply(body=ca.directory))
    with pytest.raises(OperatorMustAct, match="revokeCert"):
        connector.revoke(b"der", 0)


def test_an_http_entry_of_the_directory_is_never_asked(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/directory", Reply(body=ca.directory | {"revokeCert": "http://ca.example/revoke"}))
    with pytest.raises(ProtocolViolation):
        connector.revoke(b"der", 0)


# -- one client per process and CA ----------------------------------------------------------------


def test_connectors_to_one_ca_share_connection_nonces_and_directory(
    ca: RoughCa, endpoint: CaEndpoint
) -> None:
    ca.say(ORDER, order_reply(ca))
    for _ in range(3):
        AcmeConnector(endpoint, clock=lambda: NOW).order(ca.url(ORDER))
    assert len(ca.asked("/directory")) == len(ca.asked("/newNonce")) == 1
    assert len({request.connection for request in ca.requests}) == 1


def test_a_forked_child_gets_its_own_client(ca: RoughCa, monkeypatch: pytest.MonkeyPatch) -> None:
    url = ca.url("/directory")
    parent = client_for(url, ca.roots_pem)
    assert client_for(url, ca.roots_pem) is parent
    assert client_for(url, None) is not parent
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert client_for(url, ca.roots_pem) is not parent
