"""The account's verbs against two real ACME servers: bindings, another key, contact, the end; and a CA with several roots."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certificates.connectors.base import AccountStatus, CaEndpoint, Connector, Identifier, OrderStatus
from certificates.connectors.problems import CaError, OperatorMustAct
from tests.contracts.ca import CaServer, key_pem, running_acme2certifier, running_pebble
from tests.contracts.test_connector import a_name, connect, endpoint_at, issued, registered

HMAC = secrets.token_bytes(32)
KEYS = {"kid-1": base64.urlsafe_b64encode(HMAC).decode().rstrip("=")}


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    roots = {"PEBBLE_ALTERNATE_ROOTS": "2"}
    with running_pebble(tmp_path_factory.mktemp("pebble"), environment=roots) as server:
        yield server


@pytest.fixture(scope="module")
def acme2certifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    with running_acme2certifier(tmp_path_factory.mktemp("acme2certifier")) as server:
        yield server


@pytest.fixture(scope="module")
def bound_pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    with running_pebble(tmp_path_factory.mktemp("bound"), binding_keys=KEYS) as server:
        yield server


@pytest.fixture(scope="module")
def bound_acme2certifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    with running_acme2certifier(tmp_path_factory.mktemp("bound-a2c"), binding_keys=KEYS) as server:
        yield server


@pytest.fixture(params=["pebble", "acme2certifier"])
def ca(request: pytest.FixtureRequest) -> CaServer:
    server: CaServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture(params=["bound_pebble", "bound_acme2certifier"])
def bound(request: pytest.FixtureRequest) -> CaServer:
    server: CaServer = request.getfixturevalue(request.param)
    return server


# --- external account binding ---------------------------------------------------------------------------------------


def test_a_bound_account_is_opened_once_and_found_again_without_the_hmac_key(bound: CaServer) -> None:
    endpoint = replace(endpoint_at(bound), eab_kid="kid-1", eab_hmac=KEYS["kid-1"])
    assert connect(endpoint).directory().external_account_required
    account = connect(endpoint).register(terms_agreed=True)
    spent = replace(endpoint, eab_hmac=None)
    assert connect(spent).register(terms_agreed=True).url == account.url
    order = connect(replace(spent, account_url=account.url)).new_order([Identifier(a_name())])
    assert order.status is OrderStatus.PENDING


@pytest.mark.parametrize(
    "eab", [{}, {"eab_kid": "kid-1", "eab_hmac": "d3Jvbmcga2V5IHRoYXQgaXMgbG9uZyBlbm91Z2g"}]
)
def test_a_missing_or_wrong_binding_is_the_operators(bound: CaServer, eab: dict[str, str]) -> None:
    with pytest.raises(OperatorMustAct):
        connect(replace(endpoint_at(bound), **eab)).register(terms_agreed=True)


# --- another key ----------------------------------------------------------------------------------------------------


def opened(server: CaServer) -> CaEndpoint:
    endpoint = endpoint_at(server)
    account = connect(endpoint).register(terms_agreed=True)
    return replace(endpoint, account_url=account.url)


def test_a_changed_key_speaks_for_the_same_account_and_the_old_one_no_longer(ca: CaServer) -> None:
    old = opened(ca)
    new = replace(old, account_key_pem=key_pem(ec.generate_private_key(ec.SECP256R1())))
    connector = connect(old)
    connector.change_key(new.account_key_pem)

    assert connector.thumbprint == connect(new).thumbprint
    assert connect(new).account().url == old.account_url
    with pytest.raises(OperatorMustAct, match="accountDoesNotExist"):
        connect(old).account()
    order = connect(new).new_order([Identifier(a_name())])
    challenge = connect(new).authorization(order.authorization_urls[0]).challenges[0]
    connect(new).answer(challenge.url)
    with pytest.raises(CaError):
        connect(old).new_order([Identifier(a_name())])


def test_a_key_that_is_another_accounts_is_refused_and_nothing_changes(ca: CaServer) -> None:
    first, second = opened(ca), opened(ca)
    # Pebble calls it an error of its own; whoever asks must look the keys up.
    with pytest.raises(CaError):
        connect(first).change_key(second.account_key_pem)
    assert connect(first).account().url == first.account_url
    assert connect(second).account().url == second.account_url


def test_changing_to_the_same_key_again_after_a_lost_answer_is_refused_and_harmless(ca: CaServer) -> None:
    old = opened(ca)
    new = key_pem(ec.generate_private_key(ec.SECP256R1()))
    connect(old).change_key(new)
    with pytest.raises(CaError):
        connect(old).change_key(new)
    assert connect(replace(old, account_key_pem=new)).account().url == old.account_url


# --- contact, terms, the end ----------------------------------------------------------------------------------------


def test_the_contact_is_replaced(ca: CaServer) -> None:
    connector = connect(opened(ca))
    facts = connector.update_account(contact=["mailto:other@hoster.example"])
    assert facts.status is AccountStatus.VALID
    assert connector.account().status is AccountStatus.VALID


def test_terms_are_agreed_to_anew(pebble: CaServer) -> None:
    """Pebble takes an update that says nothing else for an empty one."""
    connector = connect(opened(pebble))
    told = connector.update_account(contact=["mailto:a@hoster.example"], terms_agreed=True)
    assert told.status is AccountStatus.VALID
    with pytest.raises(OperatorMustAct, match="empty update"):
        connector.update_account(terms_agreed=True)


def test_a_contact_that_is_none_is_refused(pebble: CaServer) -> None:
    with pytest.raises(OperatorMustAct):
        connect(opened(pebble)).update_account(contact=["carrier-pigeon:loft"])


def test_a_deactivated_account_can_order_nothing(ca: CaServer) -> None:
    connector = connect(opened(ca))
    facts = connector.deactivate_account()
    assert facts.status in {AccountStatus.DEACTIVATED, AccountStatus.VALID, AccountStatus.UNKNOWN}
    with pytest.raises(OperatorMustAct):
        connector.new_order([Identifier(a_name())])


# --- several chains -------------------------------------------------------------------------------------------------


def topmost(connector: Connector, url: str) -> tuple[x509.Certificate, str]:
    chain = x509.load_pem_x509_certificates(connector.certificate(url).pem.encode())
    issuer = chain[-1].issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return chain[0], str(issuer)


def test_a_ca_with_several_roots_offers_as_many_chains_of_one_certificate(pebble: CaServer) -> None:
    connector = registered(pebble)
    done = issued(connector, a_name())
    assert done.certificate_url is not None
    sent = connector.certificate(done.certificate_url)
    assert len(sent.alternates) == 2
    found = [topmost(connector, url) for url in (done.certificate_url, *sent.alternates)]
    assert len({leaf.serial_number for leaf, _root in found}) == 1
    assert len({root for _leaf, root in found}) == 3
