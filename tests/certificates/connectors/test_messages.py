"""ACME objects from strangers, read as far as they can be and no further."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certificates.connectors.base import AuthorizationStatus, ChallengeStatus, Identifier, OrderStatus
from certificates.connectors.problems import ProtocolViolation
from certificates.connectors.rfc8555.messages import (
    moment,
    read_account,
    read_authorization,
    read_chain,
    read_challenge,
    read_order,
    read_problem,
)

URL = "https://ca.example/authz/1"
TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
BLOCK = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n"


def challenge(**rest: Any) -> dict[str, Any]:
    return {
        "type": "http-01",
        "url": "https://ca.example/chall/1",
        "token": TOKEN,
        "status": "pending",
    } | rest


def authorization(**rest: Any) -> dict[str, Any]:
    return {
        "identifier": {"type": "dns", "value": "shop.example"},
        "status": "pending",
        "expires": "2026-11-30T12:00:00Z",
        "challenges": [challenge()],
    } | rest


@pytest.mark.parametrize("word", list(AuthorizationStatus))
def test_every_word_of_the_rfc_is_read(word: AuthorizationStatus) -> None:
    assert read_authorization(authorization(status=word.value), url=URL, retry_at=None).status is word


@pytest.mark.parametrize("odd", ["frozen", "VALID", "", None, 7, ["valid"]])
def test_a_status_nobody_knows_is_unknown(odd: object) -> None:
    assert (
        read_authorization(authorization(status=odd), url=URL, retry_at=None).status
        is AuthorizationStatus.UNKNOWN
    )
    assert read_order({"status": odd}, url=URL, retry_at=None).status is OrderStatus.UNKNOWN


def test_challenges_of_unknown_types_are_kept_and_do_no_harm() -> None:
    unknown = [
        {
            "type": "dns-persist-01",
            "url": "https://ca.example/chall/2",
            "issuer-domain-names": ["ca.example"],
        },
        {"type": "quantum-01", "url": "https://ca.example/chall/3", "token": "../../x", "status": "pending"},
        {"type": "no-url-01"},
        {"type": "http-url-01", "url": "http://ca.example/chall/4"},
        {"type": ["http-01"], "url": {}},
        "not an object",
        None,
    ]
    found = read_authorization(
        authorization(challenges=[*unknown, challenge()]), url=URL, retry_at=None
    ).challenges
    assert [(each.type, each.token) for each in found] == [
        ("dns-persist-01", None),
        ("quantum-01", None),
        ("http-01", TOKEN),
    ]


@pytest.mark.parametrize("kind", ["http-01", "dns-01"])
@pytest.mark.parametrize(
    "token", ["../../../etc/cron.d/aaaaaaaa", "short", "", None, 7, TOKEN + "\r\nX: y", "x" * 2000]
)
def test_an_open_challenge_with_a_bad_token_is_a_violation(kind: str, token: object) -> None:
    with pytest.raises(ProtocolViolation, match="token"):
        read_challenge(challenge(type=kind, token=token), base=URL)


def test_a_challenge_that_is_over_needs_no_token() -> None:
    done = read_challenge(
        challenge(token=None, status="valid", validated="2026-11-23T12:00:00+01:00"), base=URL
    )
    assert (done.token, done.status) == (None, ChallengeStatus.VALID)
    assert done.validated == datetime(2026, 11, 23, 11, tzinfo=UTC)


def test_a_challenge_may_fail_and_still_be_processing() -> None:
    error = {"type": "urn:ietf:params:acme:error:dns", "detail": "NXDOMAIN", "status": 400}
    found = read_challenge(challenge(status="processing", error=error), base=URL)
    assert found.status is ChallengeStatus.PROCESSING
    assert found.problem is not None
    assert found.problem.detail == "NXDOMAIN"


@pytest.mark.parametrize("url", ["http://ca.example/chall/1", "javascript:alert(1)", "", None])
def test_a_challenge_we_answer_must_have_an_https_url(url: object) -> None:
    # A relative or missing URL must not become the authorization's own.
    with pytest.raises(ProtocolViolation):
        read_authorization(authorization(challenges=[challenge(url=url)]), url=URL, retry_at=None)


@pytest.mark.parametrize("name", ["finalize", "certificate"])
@pytest.mark.parametrize("url", ["http://ca.example/x", "gopher://x", 7])
def test_an_order_with_an_url_that_is_not_https_is_a_violation(name: str, url: object) -> None:
    with pytest.raises(ProtocolViolation):
        read_order({"status": "pending", name: url}, url=URL, retry_at=None)


def test_an_order_with_an_http_authorization_is_a_violation() -> None:
    with pytest.raises(ProtocolViolation):
        read_order(
            {"authorizations": ["https://ca.example/1", "http://ca.example/2"]}, url=URL, retry_at=None
        )


def test_an_order_is_read_whole() -> None:
    document = {
        "status": "invalid",
        "identifiers": [{"type": "dns", "value": "*.shop.example"}, {"type": "ip", "value": "192.0.2.1"}],
        "authorizations": ["https://ca.example/authz/1", "/authz/2"],
        "finalize": "https://ca.example/finalize/1",
        "certificate": "https://ca.example/cert/1",
        "expires": "2026-11-30T12:00:00.123456789Z",
        "profile": "classic",
        "error": {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA\x00 forbids"},
    }
    order = read_order(document, url=URL, retry_at=None)
    assert order.status is OrderStatus.INVALID
    assert order.identifiers == (Identifier("*.shop.example"), Identifier("192.0.2.1", "ip"))
    assert order.authorization_urls == ("https://ca.example/authz/1", "https://ca.example/authz/2")
    assert order.expires == datetime(2026, 11, 30, 12, 0, 0, 123456, tzinfo=UTC)
    assert order.profile == "classic"
    assert order.problem is not None
    assert order.problem.detail == "CAA forbids"


def test_an_identifier_of_an_unknown_type_is_kept() -> None:
    found = read_authorization(
        authorization(identifier={"type": "email", "value": "a@b"}), url=URL, retry_at=None
    )
    assert found.identifier == Identifier("a@b", "email")


def test_an_account_tells_where_its_orders_are_only_by_https() -> None:
    url = "https://ca.example/acct/1"
    assert read_account({"orders": "https://ca.example/o/1"}, url=url).orders_url == "https://ca.example/o/1"
    assert read_account({"orders": "http://ca.example/o/1"}, url=url).orders_url is None
    assert read_account({}, url=url).orders_url is None


@pytest.mark.parametrize(
    "value", ["yesterday", "", None, 7, "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"]
)
def test_an_unreadable_time_is_none(value: object) -> None:
    assert moment(value) is None


def test_a_time_without_zone_is_utc() -> None:
    assert moment("2026-11-23T12:00:00") == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_chain_comes_through_as_sent() -> None:
    sent = BLOCK + "\n" + BLOCK.replace("\n", "\r\n")
    assert read_chain(sent) == sent


def test_only_certificates_are_taken_from_a_chain_with_words_in_it() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIBszCCAVmgAwIBAgIU\n-----END PRIVATE KEY-----\n"
    assert read_chain(f"subject=/CN=x\n{BLOCK}{key}<script>\n{BLOCK}") == BLOCK + BLOCK


@pytest.mark.parametrize("text", ["", "<html>", BLOCK.replace("CERTIFICATE", "PRIVATE KEY"), BLOCK[:60]])
def test_what_holds_no_certificate_is_no_chain(text: str) -> None:
    assert read_chain(text) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "type",
    "status",
    "detail",
    "title",
    "instance",
    "subproblems",
    "identifier",
    "identifiers",
    "url",
    "token",
    "challenges",
    "wildcard",
    "expires",
    "validated",
    "error",
    "authorizations",
    "finalize",
    "certificate",
    "profile",
    "contact",
    "orders",
    "value",
]
DOCUMENTS = st.dictionaries(st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(NAMES), JSON))


@given(DOCUMENTS)
def test_no_json_object_whatever_breaks_the_reader(document: dict[str, Any]) -> None:
    read_problem(document)
    read_account(document, url=URL)
    for read in (
        lambda: read_order(document, url=URL, retry_at=None),
        lambda: read_authorization(document, url=URL, retry_at=None),
        lambda: read_challenge(document, base=URL),
    ):
        with contextlib.suppress(ProtocolViolation):
            read()
