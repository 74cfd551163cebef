"""Revocation against two real ACME servers: by the account, and by the certificate's own key of every kind we make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from certificates import keys
from certificates.connectors.base import Connector, OrderStatus
from certificates.connectors.problems import AlreadyRevoked, OperatorMustAct
from identifiers.names import Name
from tests.contracts.ca import CaServer, running_acme2certifier, running_pebble
from tests.contracts.test_connector import (
    a_name,
    connect,
    endpoint_at,
    leaf_of,
    made_ready,
    registered,
    until,
)

KINDS = ["rsa-2048", "ec-p256", "ec-p384"]


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    with running_pebble(tmp_path_factory.mktemp("pebble")) as server:
        yield server


@pytest.fixture(scope="module")
def acme2certifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    with running_acme2certifier(tmp_path_factory.mktemp("acme2certifier")) as server:
        yield server


@pytest.fixture(params=["pebble", "acme2certifier"])
def ca(request: pytest.FixtureRequest) -> CaServer:
    server: CaServer = request.getfixturevalue(request.param)
    return server


def issued(connector: Connector, key: keys.PrivateKey) -> x509.Certificate:
    name = a_name()
    ready = made_ready(connector, name)
    assert ready.finalize_url is not None
    connector.finalize(ready.finalize_url, keys.make_csr(key, [Name(name)]))
    return leaf_of(connector, until(lambda: connector.order(ready.url), OrderStatus.VALID))


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def assert_revoked(ca: CaServer, connector: Connector, certificate: x509.Certificate) -> None:
    """By an independent witness where there is one; and everywhere by the CA's second answer."""
    if ca.management_url:
        assert ca.status_of(certificate.serial_number) == "Revoked"
    with pytest.raises(AlreadyRevoked):
        connector.revoke(der(certificate), 1)


def test_the_account_that_ordered_it_revokes(ca: CaServer) -> None:
    connector = registered(ca)
    certificate = issued(connector, keys.generate("ec-p256"))
    if ca.management_url:
        assert ca.status_of(certificate.serial_number) == "Valid"
    connector.revoke(der(certificate), 1)
    assert_revoked(ca, connector, certificate)


@pytest.mark.parametrize("kind", KINDS)
def test_the_certificates_own_key_revokes_without_any_account(pebble: CaServer, kind: str) -> None:
    orderer, key = registered(pebble), keys.generate(kind)
    certificate = issued(orderer, key)
    nobody = connect(endpoint_at(pebble))
    nobody.revoke(der(certificate), 1, certificate_key=keys.to_der(key))
    assert_revoked(pebble, orderer, certificate)


def test_a_ca_that_knows_accounts_only_refuses_the_certificates_key_in_plain_words(
    acme2certifier: CaServer,
) -> None:
    orderer, key = registered(acme2certifier), keys.generate("ec-p256")
    certificate = issued(orderer, key)
    with pytest.raises(OperatorMustAct, match="accountDoesNotExist"):
        orderer.revoke(der(certificate), 1, certificate_key=keys.to_der(key))
    orderer.revoke(der(certificate), 1)
    assert_revoked(acme2certifier, orderer, certificate)


def test_another_account_is_not_believed(pebble: CaServer) -> None:
    certificate = issued(registered(pebble), keys.generate("ec-p256"))
    with pytest.raises(OperatorMustAct, match="unauthorized"):
        registered(pebble).revoke(der(certificate), 1)
    assert pebble.status_of(certificate.serial_number) == "Valid"


def test_another_key_is_not_believed(pebble: CaServer) -> None:
    certificate = issued(registered(pebble), keys.generate("ec-p256"))
    other = keys.to_der(keys.generate("ec-p256"))
    with pytest.raises(OperatorMustAct, match="unauthorized"):
        connect(endpoint_at(pebble)).revoke(der(certificate), 1, certificate_key=other)
    assert pebble.status_of(certificate.serial_number) == "Valid"


def test_a_reason_that_no_subscriber_may_give_is_told_as_such(ca: CaServer) -> None:
    connector = registered(ca)
    certificate = issued(connector, keys.generate("ec-p256"))
    with pytest.raises(OperatorMustAct, match="badRevocationReason"):
        connector.revoke(der(certificate), 7)
