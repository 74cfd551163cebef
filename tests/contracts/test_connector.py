"""The connector's promises, kept against two real ACME servers: Pebble and acme2certifier."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certificates.connectors import CONNECTORS
from certificates.connectors.base import (
    AccountStatus,
    AuthorizationFacts,
    AuthorizationStatus,
    CaEndpoint,
    ChallengeStatus,
    Connector,
    Identifier,
    OrderFacts,
    OrderStatus,
)
from certificates.connectors.problems import (
    AlreadyRevoked,
    BadCsr,
    CaError,
    NotFound,
    OperatorMustAct,
    OrderNotReady,
    Refused,
    TryAgain,
)
from certificates.connectors.rfc8555.transport import Answer, Transport
from tests.contracts.ca import CaServer, key_pem, running_acme2certifier, running_pebble

HMAC = secrets.token_bytes(32)
PROFILES = {"classic": "https://ca.example/classic", "shortlived": "https://ca.example/shortlived"}


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    with running_pebble(tmp_path_factory.mktemp("pebble"), blocked=["blocked.example"]) as server:
        yield server


@pytest.fixture(scope="module")
def acme2certifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    folder = tmp_path_factory.mktemp("acme2certifier")
    with running_acme2certifier(folder, profiles=PROFILES) as server:
        yield server


@pytest.fixture(params=["pebble", "acme2certifier"])
def ca(request: pytest.FixtureRequest) -> CaServer:
    server: CaServer = request.getfixturevalue(request.param)
    return server


def endpoint_at(server: CaServer) -> CaEndpoint:
    return CaEndpoint(
        directory_url=server.directory_url,
        account_key_pem=key_pem(ec.generate_private_key(ec.SECP256R1())),
        roots_pem=server.roots_pem,
        contact=("mailto:certificates@hoster.example",),
    )


def connect(endpoint: CaEndpoint) -> Connector:
    made: Callable[[CaEndpoint], Connector] = CONNECTORS["acme"]
    return made(endpoint)


def registered(server: CaServer) -> Connector:
    endpoint = endpoint_at(server)
    account = connect(endpoint).register(terms_agreed=True)
    return connect(replace(endpoint, account_url=account.url))


def a_name() -> str:
    return f"{secrets.token_hex(6)}.shop.example"


def csr_for(*names: str) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = request.add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
    )
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def until(read: Callable[[], OrderFacts], *statuses: OrderStatus) -> OrderFacts:
    """Poll as the engine does, never sooner than 200 ms after finalize: Pebble can deadlock otherwise."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        time.sleep(0.25)
        order = read()
        if order.status in statuses:
            return order
    raise AssertionError(f"the order stays {order.status}")


def answered(connector: Connector, url: str, kind: str) -> AuthorizationFacts:
    authorization = connector.authorization(url)
    assert authorization.status is AuthorizationStatus.PENDING
    challenge = next(challenge for challenge in authorization.challenges if challenge.type == kind)
    assert challenge.token is not None
    assert connector.key_authorization(challenge.token) == f"{challenge.token}.{connector.thumbprint}"
    told = connector.answer(challenge.url)
    assert told.url == challenge.url
    assert told.status is not ChallengeStatus.INVALID
    return authorization


def made_ready(connector: Connector, *names: str, kind: str = "dns-01") -> OrderFacts:
    order = connector.new_order([Identifier(name) for name in names])
    for url in order.authorization_urls:
        answered(connector, url, kind)
    return until(lambda: connector.order(order.url), OrderStatus.READY)


def issued(connector: Connector, *names: str) -> OrderFacts:
    ready = made_ready(connector, *names)
    assert ready.finalize_url is not None
    connector.finalize(ready.finalize_url, csr_for(*names))
    return until(lambda: connector.order(ready.url), OrderStatus.VALID)


def leaf_of(connector: Connector, order: OrderFacts) -> x509.Certificate:
    assert order.certificate_url is not None
    return x509.load_pem_x509_certificate(connector.certificate(order.certificate_url).pem.encode())


def test_it_reads_the_directory(ca: CaServer) -> None:
    facts = connect(endpoint_at(ca)).directory()
    assert facts.external_account_required is False
    assert facts.has_key_change is True
    if ca.name == "acme2certifier":
        assert facts.caa_identities == ("ca.example",)
        assert facts.terms_of_service == "https://ca.example/terms"
        assert facts.profiles == PROFILES
        assert facts.has_renewal_info is True


def test_it_refuses_a_ca_whose_tls_it_does_not_trust(ca: CaServer) -> None:
    stranger = replace(endpoint_at(ca), roots_pem=None)
    with pytest.raises(TryAgain, match="not trusted") as refused:
        connect(stranger).directory()
    assert refused.value.may_have_acted is False


def test_registering_twice_gives_the_same_account(ca: CaServer) -> None:
    endpoint = endpoint_at(ca)
    first = connect(endpoint).register(terms_agreed=True)
    second = connect(endpoint).register(terms_agreed=True)
    assert first.url == second.url
    assert connect(endpoint).account().url == first.url
    assert first.status is AccountStatus.VALID


def test_a_key_the_ca_does_not_know_has_no_account(ca: CaServer) -> None:
    with pytest.raises(OperatorMustAct, match="accountDoesNotExist"):
        connect(endpoint_at(ca)).account()


def test_it_does_not_order_before_it_has_registered(ca: CaServer) -> None:
    with pytest.raises(OperatorMustAct, match="accountDoesNotExist"):
        connect(endpoint_at(ca)).new_order([Identifier(a_name())])


@pytest.mark.parametrize("kind", ["http-01", "dns-01"])
def test_an_order_becomes_a_certificate_whose_chain_verifies(ca: CaServer, kind: str) -> None:
    connector, name = registered(ca), a_name()
    order = connector.new_order([Identifier(name)])
    assert order.status is OrderStatus.PENDING
    assert order.identifiers == (Identifier(name),)
    assert order.expires is not None
    assert order.expires > datetime.now(UTC) + timedelta(minutes=5)

    authorization = answered(connector, order.authorization_urls[0], kind)
    assert authorization.identifier == Identifier(name)
    assert authorization.wildcard is False

    ready = until(lambda: connector.order(order.url), OrderStatus.READY)
    assert connector.authorization(order.authorization_urls[0]).status is AuthorizationStatus.VALID
    assert ready.finalize_url is not None
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = csr.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    finalized = connector.finalize(
        ready.finalize_url, csr.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    )
    assert finalized.status in (OrderStatus.PROCESSING, OrderStatus.VALID)
    assert finalized.url in ("", order.url)

    done = until(lambda: connector.order(order.url), OrderStatus.VALID)
    assert done.certificate_url is not None
    chain = x509.load_pem_x509_certificates(connector.certificate(done.certificate_url).pem.encode())
    assert chain[0].public_key() == key.public_key()
    assert_leads_to(chain, ca.issuing_root_pem)
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [name]


def assert_leads_to(chain: list[x509.Certificate], root_pem: bytes) -> None:
    root = x509.load_pem_x509_certificate(root_pem)
    for certificate, issuer in zip(chain, [*chain[1:], root], strict=True):
        certificate.verify_directly_issued_by(issuer)


def test_a_wildcard_and_its_parent_are_two_authorizations(ca: CaServer) -> None:
    connector, name = registered(ca), a_name()
    order = connector.new_order([Identifier(f"*.{name}"), Identifier(name)])
    found = [connector.authorization(url) for url in order.authorization_urls]
    assert sorted((each.identifier.value, each.wildcard) for each in found) == [(name, False), (name, True)]
    wildcard = next(each for each in found if each.wildcard)
    assert "http-01" not in {challenge.type for challenge in wildcard.challenges}


def test_one_name_takes_seven_requests(ca: CaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    connector, name = registered(ca), a_name()
    sent: list[str] = []
    looks: list[OrderStatus] = []
    exchange = Transport.exchange

    def counted(self: Transport, verb: str, method: str, url: str, **rest: object) -> Answer:
        answer: Answer = exchange(self, verb, method, url, **rest)  # type: ignore[arg-type]
        # Pebble refuses every fifth nonce; those repetitions are the CA's, not ours.
        if b"badNonce" not in answer.body and method == "POST":
            sent.append(url)
        return answer

    monkeypatch.setattr(Transport, "exchange", counted)
    order = connector.new_order([Identifier(name)])

    def look() -> OrderFacts:
        seen = connector.order(order.url)
        looks.append(seen.status)
        return seen

    answered(connector, order.authorization_urls[0], "dns-01")
    ready = until(look, "ready")
    assert ready.finalize_url is not None
    connector.finalize(ready.finalize_url, csr_for(name))
    done = until(look, "valid")
    assert done.certificate_url is not None
    connector.certificate(done.certificate_url)
    # Two looks are the least; a CA that wants to be asked again is no fault of ours, and each look is one request.
    assert len(sent) - (len(looks) - 2) == 7


def test_an_order_is_read_again_by_its_url_alone(ca: CaServer) -> None:
    endpoint, name = endpoint_at(ca), a_name()
    account = connect(endpoint).register(terms_agreed=True)
    endpoint = replace(endpoint, account_url=account.url)
    url = issued(connect(endpoint), name).url
    again = connect(endpoint).order(url)
    assert again.status is OrderStatus.VALID
    assert leaf_of(connect(endpoint), again).not_valid_after_utc > datetime.now(UTC)


def test_finalizing_before_the_order_is_ready_says_so(ca: CaServer) -> None:
    connector, name = registered(ca), a_name()
    order = connector.new_order([Identifier(name)])
    assert order.finalize_url is not None
    with pytest.raises(OrderNotReady):
        connector.finalize(order.finalize_url, csr_for(name))
    assert connector.order(order.url).status is OrderStatus.PENDING


def test_finalizing_twice_gives_one_certificate(ca: CaServer) -> None:
    connector, name = registered(ca), a_name()
    done = issued(connector, name)
    serial = leaf_of(connector, done).serial_number
    assert done.finalize_url is not None
    try:
        again = connector.finalize(done.finalize_url, csr_for(name))
    except OrderNotReady:
        pass
    else:
        assert again.status is OrderStatus.VALID
    assert leaf_of(connector, connector.order(done.url)).serial_number == serial


def test_a_csr_for_other_names_is_a_bad_csr(pebble: CaServer) -> None:
    connector = registered(pebble)
    ready = made_ready(connector, a_name())
    assert ready.finalize_url is not None
    with pytest.raises((BadCsr, OperatorMustAct)):
        connector.finalize(ready.finalize_url, csr_for(a_name()))


def test_a_csr_that_is_noise_is_refused_and_never_back_off(pebble: CaServer) -> None:
    connector = registered(pebble)
    ready = made_ready(connector, a_name())
    assert ready.finalize_url is not None
    with pytest.raises(CaError) as refused:
        connector.finalize(ready.finalize_url, b"noise")
    assert not isinstance(refused.value, TryAgain)


def test_a_valid_authorization_is_given_back(pebble: CaServer) -> None:
    connector, name = registered(pebble), a_name()
    order = issued(connector, name)
    given_back = connector.deactivate_authorization(order.authorization_urls[0])
    assert given_back.status is AuthorizationStatus.DEACTIVATED
    assert connector.authorization(given_back.url).status is AuthorizationStatus.DEACTIVATED
    afresh = connector.new_order([Identifier(name)])
    assert connector.authorization(afresh.authorization_urls[0]).status is AuthorizationStatus.PENDING


def test_a_ca_that_ignores_a_deactivation_does_not_look_obedient(acme2certifier: CaServer) -> None:
    connector = registered(acme2certifier)
    order = issued(connector, a_name())
    assert connector.deactivate_authorization(order.authorization_urls[0]).status is AuthorizationStatus.VALID


def test_a_certificate_is_revoked_once(ca: CaServer) -> None:
    connector = registered(ca)
    leaf = leaf_of(connector, issued(connector, a_name())).public_bytes(serialization.Encoding.DER)
    connector.revoke(leaf, 4)
    with pytest.raises(AlreadyRevoked):
        connector.revoke(leaf, 4)


def test_an_order_the_ca_does_not_have_is_not_found(pebble: CaServer) -> None:
    connector = registered(pebble)
    url = connector.new_order([Identifier(a_name())]).url
    with pytest.raises(NotFound):
        connector.order(url[:-6] + "nothng")


def test_an_account_the_ca_has_forgotten_is_the_operators(ca: CaServer) -> None:
    endpoint = endpoint_at(ca)
    lost = connect(replace(endpoint, account_url=ca.directory_url.rsplit("/", 1)[0] + "/account/gone"))
    with pytest.raises(OperatorMustAct):
        lost.new_order([Identifier(a_name())])


def test_a_name_the_ca_never_signs_is_final(pebble: CaServer) -> None:
    with pytest.raises(Refused):
        registered(pebble).new_order([Identifier("www.blocked.example")])


def test_lost_orders_are_found_in_the_accounts_list(pebble: CaServer) -> None:
    endpoint = endpoint_at(pebble)
    account = connect(endpoint).register(terms_agreed=True)
    connector = connect(replace(endpoint, account_url=account.url))
    made = {connector.new_order([Identifier(a_name())]).url for _ in range(5)}
    assert account.orders_url is not None
    assert set(connector.orders(account)) == made
    # Two orders a page at this CA.
    assert len(set(connector.orders(account, max_pages=2))) == 4


def test_a_ca_that_lists_no_orders_gives_none(acme2certifier: CaServer) -> None:
    endpoint = endpoint_at(acme2certifier)
    account = connect(endpoint).register(terms_agreed=True)
    connector = connect(replace(endpoint, account_url=account.url))
    assert list(connector.orders(replace(account, orders_url=None))) == []


def test_a_profile_is_ordered_where_the_ca_has_it(acme2certifier: CaServer) -> None:
    connector = registered(acme2certifier)
    assert connector.new_order([Identifier(a_name())], profile="classic").status is OrderStatus.PENDING
    with pytest.raises(OperatorMustAct, match="invalidProfile"):
        connector.new_order([Identifier(a_name())], profile="nonesuch")


@pytest.mark.parametrize("paste", ["{}", "{}==", " {}\n"], ids=["bare", "padded", "wrapped"])
def test_external_account_binding_takes_the_key_as_pasted(bound: CaServer, paste: str) -> None:
    pasted = paste.format(base64.b64encode(HMAC).decode().rstrip("="))
    endpoint = replace(endpoint_at(bound), eab_kid="kid-1", eab_hmac=pasted)
    assert connect(endpoint).directory().external_account_required is True
    account = connect(endpoint).register(terms_agreed=True)
    assert connect(endpoint).register(terms_agreed=True).url == account.url


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    keys = {"kid-1": base64.urlsafe_b64encode(HMAC).decode().rstrip("=")}
    with running_pebble(tmp_path_factory.mktemp("bound"), binding_keys=keys) as server:
        yield server


def test_a_ca_that_wants_a_binding_refuses_an_account_without(bound: CaServer) -> None:
    with pytest.raises(OperatorMustAct, match="externalAccountRequired"):
        connect(endpoint_at(bound)).register(terms_agreed=True)


def test_terms_not_agreed_to_are_the_operators(pebble: CaServer) -> None:
    with pytest.raises(OperatorMustAct):
        connect(endpoint_at(pebble)).register(terms_agreed=False)


def test_an_ip_address_is_ordered_as_one(pebble: CaServer) -> None:
    connector, address = registered(pebble), "192.0.2.17"
    order = connector.new_order([Identifier(address, type="ip")])
    authorization = connector.authorization(order.authorization_urls[0])
    assert authorization.identifier == Identifier(address, type="ip")
