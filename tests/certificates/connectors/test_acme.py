"""The connector's verbs: what they send, and what they make of odd answers."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from certificates.connectors import CONNECTORS
from certificates.connectors.acme import AcmeConnector
from certificates.connectors.base import (
    AccountFacts,
    AccountStatus,
    AuthorizationStatus,
    CaEndpoint,
    ChallengeStatus,
    Identifier,
    OrderStatus,
)
from certificates.connectors.problems import (
    AlreadyRevoked,
    BadCsr,
    OperatorMustAct,
    OrderNotReady,
    ProtocolViolation,
    TryAgain,
)
from tests.certificates.connectors.conftest import NOW
from tests.certificates.connectors.rough_ca import Reply, RoughCa, problem

TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
PEM = b"-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----\n"


def test_the_word_for_acme_is_in_the_dict() -> None:
    assert CONNECTORS["acme"] is AcmeConnector


def test_no_secret_shows_in_an_endpoints_repr(endpoint: CaEndpoint) -> None:
    shown = repr(replace(endpoint, eab_kid="kid-1", eab_hmac="aG1hYw"))
    assert "PRIVATE" not in shown
    assert "aG1hYw" not in shown


# -- accounts -------------------------------------------------------------------------------------


def account_reply(ca: RoughCa, status: int = 201) -> Reply:
    return Reply(
        status, {"status": "valid", "contact": ["mailto:a@b.example"]}, {"Location": ca.url("/account/1")}
    )


def test_registering_sends_terms_and_contact_signed_by_the_key_itself(
    ca: RoughCa, endpoint: CaEndpoint
) -> None:
    ca.say("/newAccount", account_reply(ca))
    unknown = replace(endpoint, account_url=None, contact=("mailto:a@b.example",))
    account = AcmeConnector(unknown).register(terms_agreed=True)
    assert account == AccountFacts(
        ca.url("/account/1"), AccountStatus.VALID, ("mailto:a@b.example",), None, made=True
    )
    sent = ca.asked("/newAccount")[0]
    assert sent.payload == {"termsOfServiceAgreed": True, "contact": ["mailto:a@b.example"]}
    assert "jwk" in sent.protected
    assert "kid" not in sent.protected


def test_nothing_is_agreed_to_and_no_contact_sent_unasked(ca: RoughCa, endpoint: CaEndpoint) -> None:
    ca.say("/newAccount", account_reply(ca))
    AcmeConnector(endpoint).register(terms_agreed=False)
    assert ca.asked("/newAccount")[0].payload == {}


def test_looking_for_the_account_creates_none(ca: RoughCa, endpoint: CaEndpoint) -> None:
    ca.say("/newAccount", account_reply(ca, 200))
    AcmeConnector(endpoint).account()
    assert ca.asked("/newAccount")[0].payload == {"onlyReturnExisting": True}


def test_a_single_use_binding_is_not_spent_twice(ca: RoughCa, endpoint: CaEndpoint) -> None:
    bound = replace(endpoint, eab_kid="kid-1", eab_hmac="AAECAwQFBgcICQoLDA0ODw==")
    ca.say("/newAccount", problem("accountDoesNotExist"), account_reply(ca), account_reply(ca, 200))
    first = AcmeConnector(bound).register(terms_agreed=True)
    assert AcmeConnector(bound).register(terms_agreed=True).url == first.url
    bindings = ["externalAccountBinding" in request.payload for request in ca.asked("/newAccount")]
    assert bindings == [False, True, False]


@pytest.mark.parametrize("location", ["http://ca.example/account/1", "javascript:x", None])
def test_an_account_without_an_https_url_is_a_violation(
    ca: RoughCa, endpoint: CaEndpoint, location: str
) -> None:
    ca.say("/newAccount", Reply(201, {}, {"Location": location} if location else {}))
    with pytest.raises(ProtocolViolation):
        AcmeConnector(endpoint).register(terms_agreed=True)


# -- orders ---------------------------------------------------------------------------------------


def test_ordering_is_one_bare_post(ca: RoughCa, connector: AcmeConnector) -> None:
    body = {"status": "pending", "authorizations": [ca.url("/authz/1")], "finalize": ca.url("/finalize/1")}
    ca.say("/newOrder", Reply(201, body, {"Location": ca.url("/order/1")}))
    names = [Identifier("shop.example"), Identifier("192.0.2.1", type="ip")]
    order = connector.new_order(names, profile="classic", replaces="aki.serial")
    assert (order.url, order.authorization_urls) == (ca.url("/order/1"), (ca.url("/authz/1"),))
    assert [request.path for request in ca.requests if request.method == "POST"] == ["/newOrder"]
    sent = ca.asked("/newOrder")[0]
    assert sent.payload == {
        "identifiers": [{"type": "dns", "value": "shop.example"}, {"type": "ip", "value": "192.0.2.1"}],
        "profile": "classic",
        "replaces": "aki.serial",
    }
    assert sent.protected["kid"] == ca.url("/account/1")
    assert sent.headers["Content-Type"] == "application/jose+json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"status": "odd"}',
        b'{"finalize": "http://ca.example/"}',
        b'{"authorizations": [7]}',
    ],
)
def test_an_orders_url_survives_an_unusable_body(ca: RoughCa, connector: AcmeConnector, body: bytes) -> None:
    ca.say("/newOrder", Reply(201, body, {"Location": "/order/1"}))
    order = connector.new_order([Identifier("shop.example")])
    assert order.url == ca.url("/order/1")
    assert order.status is OrderStatus.UNKNOWN


def test_an_order_without_an_url_may_exist(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/newOrder", Reply(201, {"status": "pending"}))
    with pytest.raises(TryAgain) as refused:
        connector.new_order([Identifier("shop.example")])
    assert refused.value.may_have_acted is True


def test_an_order_at_an_http_url_is_a_violation(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/newOrder", Reply(201, {"status": "pending"}, {"Location": "http://ca.example/order/1"}))
    with pytest.raises(ProtocolViolation):
        connector.new_order([Identifier("shop.example")])


@pytest.mark.parametrize(
    ("header", "wait"), [("7", timedelta(seconds=7)), ("Mon, 23 Nov 2026 12:01:00 GMT", timedelta(minutes=1))]
)
def test_polling_waits_as_long_as_the_ca_says(
    ca: RoughCa, connector: AcmeConnector, header: str, wait: timedelta
) -> None:
    ca.say("/order/1", Reply(body={"status": "processing"}, headers={"Retry-After": header}))
    order = connector.order(ca.url("/order/1"))
    assert (order.status, order.retry_at) == (OrderStatus.PROCESSING, NOW + wait)
    assert ca.asked("/order/1")[0].payload is None
    ca.say("/authz/1", Reply(body={"status": "pending"}, headers={"Retry-After": header}))
    assert connector.authorization(ca.url("/authz/1")).retry_at == NOW + wait


@pytest.mark.parametrize("url", ["http://ca.example/order/1", "", "file:///etc/passwd"])
def test_it_asks_no_stored_url_that_is_not_https(ca: RoughCa, connector: AcmeConnector, url: str) -> None:
    with pytest.raises(OperatorMustAct):
        connector.order(url)
    assert ca.asked("/order/1") == []


def test_finalizing_sends_the_csr_and_nothing_else(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/finalize/1", Reply(body={"status": "processing"}, headers={"Location": ca.url("/order/1")}))
    assert connector.finalize(ca.url("/finalize/1"), b"\x30\x00\xff").url == ca.url("/order/1")
    assert ca.asked("/finalize/1")[0].payload == {"csr": "MAD_"}
    ca.say("/finalize/1", Reply(body={"status": "processing"}))
    assert connector.finalize(ca.url("/finalize/1"), b"\x30").url == ""


def test_finalize_tells_too_early_from_a_bad_csr(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/finalize/1", problem("orderNotReady", 403), problem("badCSR", 400))
    with pytest.raises(OrderNotReady):
        connector.finalize(ca.url("/finalize/1"), b"csr")
    with pytest.raises(BadCsr):
        connector.finalize(ca.url("/finalize/1"), b"csr")


# -- authorizations -------------------------------------------------------------------------------


def test_answering_sends_an_empty_object_and_needs_no_link(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/chall/1", Reply(body={"type": "dns-01", "token": TOKEN, "status": "processing"}))
    told = connector.answer(ca.url("/chall/1"))
    assert (told.url, told.status) == (ca.url("/chall/1"), ChallengeStatus.PROCESSING)
    # Not POST-as-GET, which would leave the CA waiting for ever.
    assert ca.asked("/chall/1")[0].payload == {}


@pytest.mark.parametrize("word", ["expired", "revoked", "deactivated", "invalid"])
def test_an_authorization_that_is_over_is_read_not_raised(
    ca: RoughCa, connector: AcmeConnector, word: str
) -> None:
    ca.say("/authz/1", Reply(body={"status": word, "identifier": {"type": "dns", "value": "a.example"}}))
    assert connector.authorization(ca.url("/authz/1")).status == AuthorizationStatus(word)


def test_giving_an_authorization_back_says_deactivated(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/authz/1", Reply(body={"status": "deactivated"}))
    connector.deactivate_authorization(ca.url("/authz/1"))
    assert ca.asked("/authz/1")[0].payload == {"status": "deactivated"}


# -- certificates ---------------------------------------------------------------------------------


def test_a_chain_comes_with_its_alternates(ca: RoughCa, connector: AcmeConnector) -> None:
    link = '</cert/1/1>;rel="alternate", <http://ca.example/2>;rel="alternate", </dir>;rel="index"'
    ca.say(
        "/cert/1", Reply(body=PEM, headers={"Link": link}, content_type="application/pem-certificate-chain")
    )
    chain = connector.certificate(ca.url("/cert/1"))
    assert chain.pem == PEM.decode()
    assert chain.alternates == (ca.url("/cert/1/1"),)
    sent = ca.asked("/cert/1")[0]
    assert sent.headers["Accept"] == "application/pem-certificate-chain"
    assert sent.payload is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe\x00", b'{"status": "valid"}'])
def test_an_answer_without_a_certificate_is_asked_for_again(
    ca: RoughCa, connector: AcmeConnector, body: bytes
) -> None:
    ca.say("/cert/1", Reply(body=body))
    with pytest.raises(TryAgain):
        connector.certificate(ca.url("/cert/1"))


def test_revoking_sends_certificate_and_reason(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/revokeCert", Reply(200, b""), problem("alreadyRevoked", 400))
    connector.revoke(b"\x30\x00", 4)
    assert ca.asked("/revokeCert")[0].payload == {"certificate": "MAA", "reason": 4}
    with pytest.raises(AlreadyRevoked):
        connector.revoke(b"\x30\x00", 4)


# -- the account's list of orders -----------------------------------------------------------------


def listing(ca: RoughCa) -> AccountFacts:
    return AccountFacts(ca.url("/account/1"), AccountStatus.VALID, (), ca.url("/orders"))


def page(*orders: object, following: str | None = None) -> Reply:
    link = {"Link": f'<{following}>;rel="next"'} if following else {}
    return Reply(body={"orders": list(orders)}, headers=link)


def test_it_reads_the_pages_to_the_end(ca: RoughCa, connector: AcmeConnector) -> None:
    ca.say("/orders", page(ca.url("/order/1"), "/order/2", following="/orders?cursor=2"))
    ca.say("/orders?cursor=2", page("http://ca.example/order/x", 7, ca.url("/order/3")))
    assert list(connector.orders(listing(ca))) == [ca.url(f"/order/{number}") for number in (1, 2, 3)]


def test_a_list_without_end_ends(ca: RoughCa, connector: AcmeConnector) -> None:
    for number in range(30):
        here = f"/orders?cursor={number}" if number else "/orders"
        ca.say(here, page(ca.url(f"/order/{number}"), following=f"/orders?cursor={number + 1}"))
    assert len(list(connector.orders(listing(ca)))) == 20
    ca.say("/orders", page(ca.url("/order/0"), following="/orders"))
    assert len(list(connector.orders(listing(ca)))) == 1


def test_a_ca_without_a_list_has_none(ca: RoughCa, connector: AcmeConnector) -> None:
    assert list(connector.orders(replace(listing(ca), orders_url=None))) == []
    ca.say("/orders", Reply(body={"orders": "none"}))
    assert list(connector.orders(listing(ca))) == []


# -- several threads ------------------------------------------------------------------------------


def test_threads_share_a_ca_without_sharing_a_nonce(ca: RoughCa, endpoint: CaEndpoint) -> None:
    ca.say("/order/1", Reply(body={"status": "pending"}))
    failures: list[Exception] = []

    def poll() -> None:
        try:
            connector = AcmeConnector(endpoint)
            for _ in range(15):
                connector.order(ca.url("/order/1"))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=poll) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(ca.nonces_used) == len(set(ca.nonces_used)) == 120
