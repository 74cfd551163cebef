"""What the one exchange method bears: limits, TLS, broken connections, and what it writes to the log."""

from __future__ import annotations

import logging

import pytest

from certificates.connectors.problems import OperatorMustAct, TryAgain
from certificates.connectors.rfc8555 import transport as transport_module
from certificates.connectors.rfc8555.transport import BODY_LIMIT, USER_AGENT, Transport
from sandbox.free_ports import free_port
from tests.certificates.connectors.rough_ca import Reply, RoughCa
from tests.contracts.ca import TestAuthority


@pytest.fixture
def transport(ca: RoughCa) -> Transport:
    return Transport(ca.roots_pem)


def test_it_says_who_it_is_and_keeps_the_connection(ca: RoughCa, transport: Transport) -> None:
    for _ in range(3):
        assert transport.exchange("test", "GET", ca.url("/directory")).ok
    assert {request.headers["User-Agent"] for request in ca.requests} == {USER_AGENT}
    assert len({request.connection for request in ca.requests}) == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "file:///etc/passwd", "", "https://", "//127.0.0.1/"]
)
def test_it_asks_nothing_but_https(transport: Transport, url: str) -> None:
    with pytest.raises(OperatorMustAct, match="https"):
        transport.exchange("test", "GET", url)


def test_it_verifies_the_cas_certificate(ca: RoughCa) -> None:
    for roots in (None, TestAuthority("A stranger").pem):
        with pytest.raises(TryAgain, match="not trusted") as refused:
            Transport(roots).exchange("test", "GET", ca.url("/directory"))
        assert refused.value.may_have_acted is False
    assert ca.requests == []


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_does_not_change_whom_it_trusts(
    ca: RoughCa, tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bundle = f"{tmp_path}/extra.pem"
    with open(bundle, "w") as file:
        file.write(ca.roots_pem)
    monkeypatch.setenv(name, bundle)
    with pytest.raises(TryAgain, match="not trusted"):
        Transport(None).exchange("test", "GET", ca.url("/directory"))


@pytest.mark.parametrize(
    "roots", ["nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "é"]
)
def test_unusable_extra_roots_are_the_operators(roots: str) -> None:
    with pytest.raises(OperatorMustAct, match="trust anchors"):
        Transport(roots)


def test_a_port_where_nobody_listens_certainly_did_nothing(transport: Transport) -> None:
    with pytest.raises(TryAgain, match="could not be reached") as refused:
        transport.exchange("test", "POST", f"https://127.0.0.1:{free_port()}/new-order", body=b"{}")
    assert refused.value.may_have_acted is False


@pytest.mark.parametrize("dies", ["before", "mid-body"])
def test_a_connection_that_breaks_may_have_done_something(
    ca: RoughCa, transport: Transport, dies: str
) -> None:
    ca.say("/x", Reply(body=b"{}" * 40_000, dies=dies))
    with pytest.raises(TryAgain, match="broke") as refused:
        transport.exchange("test", "POST", ca.url("/x"), body=None)
    assert refused.value.may_have_acted is True


def test_a_ca_that_does_not_answer_in_time_may_have_done_something(
    ca: RoughCa, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "READ_SECONDS", 0.2)
    ca.say("/x", Reply(sleeps=1.0))
    with pytest.raises(TryAgain, match="in time") as refused:
        transport.exchange("test", "GET", ca.url("/x"))
    assert refused.value.may_have_acted is True


def test_an_answer_may_be_one_mebibyte_and_no_more(ca: RoughCa, transport: Transport) -> None:
    ca.say("/x", Reply(body=b"x" * BODY_LIMIT))
    assert len(transport.exchange("test", "GET", ca.url("/x")).body) == BODY_LIMIT
    ca.say("/x", Reply(body=b"x" * (BODY_LIMIT + 1)))
    with pytest.raises(TryAgain, match="larger than 1 MiB"):
        transport.exchange("test", "GET", ca.url("/x"))


def test_an_answer_that_trickles_is_given_up(
    ca: RoughCa, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "BODY_SECONDS", -1.0)
    ca.say("/x", Reply(body=b"{}"))
    with pytest.raises(TryAgain, match="takes longer"):
        transport.exchange("test", "GET", ca.url("/x"))


def test_it_still_works_after_a_broken_and_a_huge_answer(ca: RoughCa, transport: Transport) -> None:
    ca.say(
        "/x", Reply(body=b"x" * (3 * BODY_LIMIT)), Reply(body=b"{}" * 9, dies="mid-body"), Reply(body=b"{}")
    )
    for _ in range(2):
        with pytest.raises(TryAgain):
            transport.exchange("test", "GET", ca.url("/x"))
    assert transport.exchange("test", "GET", ca.url("/x")).json_object() == {}


def test_it_follows_no_redirect(ca: RoughCa, transport: Transport) -> None:
    ca.say("/x", Reply(302, headers={"Location": ca.url("/directory")}))
    assert transport.exchange("test", "GET", ca.url("/x")).status == 302
    assert [request.path for request in ca.requests] == ["/x"]


def test_it_keeps_no_cookies(ca: RoughCa, transport: Transport) -> None:
    ca.say("/x", Reply(headers={"Set-Cookie": "track=1; Path=/"}))
    for _ in range(2):
        transport.exchange("test", "GET", ca.url("/x"))
    assert "Cookie" not in ca.requests[1].headers


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff\xfe", b"[" * 100_000, b"<html>"])
def test_only_a_json_object_is_one(ca: RoughCa, transport: Transport, body: bytes) -> None:
    ca.say("/x", Reply(body=body))
    assert transport.exchange("test", "GET", ca.url("/x")).json_object() is None


def test_the_log_holds_verb_host_status_and_time_but_no_payload(
    ca: RoughCa, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    ca.say("/orders?cursor=secret-query", Reply(201, b'{"secret": "answer"}'))
    with caplog.at_level(logging.DEBUG):
        transport.exchange(
            "orders", "GET", ca.url("/orders?cursor=secret-query"), headers={"X-Secret": "secret-header"}
        )
        with pytest.raises(TryAgain):
            transport.exchange("test", "GET", f"https://127.0.0.1:{free_port()}/gone")
    own = [record.getMessage() for record in caplog.records if record.name == "outbound.calls"]
    assert own[0].startswith("ca.orders 127.0.0.1: 201")
    assert own[1].startswith("ca.test 127.0.0.1: no answer")
    assert "secret" not in " ".join(own)
