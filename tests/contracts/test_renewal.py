"""Renewal information (RFC 9773) as a real CA gives it, and `replaces` as it takes it: acme2certifier."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from certificates.connectors.base import Identifier, OrderStatus
from certificates.connectors.problems import CaError, OperatorMustAct
from certificates.renewal.ari import cert_id, written
from tests.contracts.ca import CaServer, running_acme2certifier, running_pebble
from tests.contracts.test_connector import a_name, connect, endpoint_at, issued, leaf_of, registered


@pytest.fixture(scope="module")
def acme2certifier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaServer]:
    with running_acme2certifier(tmp_path_factory.mktemp("acme2certifier")) as server:
        yield server


@pytest.fixture(scope="module")
def old(acme2certifier: CaServer) -> tuple[str, x509.Certificate]:
    """A name and its certificate."""
    connector, name = registered(acme2certifier), a_name()
    return name, leaf_of(connector, issued(connector, name))


def name_of(leaf: x509.Certificate) -> str:
    return cert_id(leaf.public_bytes(serialization.Encoding.PEM).decode())


def test_the_window_lies_within_the_lifetime_and_is_the_same_again(acme2certifier, old) -> None:
    # No account is needed to ask.
    connector, (_name, leaf) = connect(endpoint_at(acme2certifier)), old
    facts = connector.renewal_info(name_of(leaf))
    assert leaf.not_valid_before_utc < facts.window_start < facts.window_end <= leaf.not_valid_after_utc
    assert facts.window_start.tzinfo is not None
    now = datetime.now(UTC)
    assert now + timedelta(minutes=1) <= facts.retry_at <= now + timedelta(days=1, seconds=1)
    again = connector.renewal_info(name_of(leaf))
    assert (again.window_start, again.window_end) == (facts.window_start, facts.window_end)


def test_a_certificate_that_the_ca_does_not_know_is_refused(acme2certifier) -> None:
    with pytest.raises(CaError):
        connect(endpoint_at(acme2certifier)).renewal_info(written(b"k" * 20, 4711))
    with pytest.raises(CaError):
        connect(endpoint_at(acme2certifier)).renewal_info("x")


def test_an_order_that_says_what_it_replaces_is_taken(acme2certifier, old) -> None:
    name, leaf = old
    order = registered(acme2certifier).new_order([Identifier(name)], replaces=name_of(leaf))
    assert order.status in {OrderStatus.PENDING, OrderStatus.READY}


def test_a_ca_without_renewal_information_says_so(tmp_path) -> None:
    with running_pebble(tmp_path) as pebble:
        connector = connect(endpoint_at(pebble))
        assert connector.directory().has_renewal_info is False
        with pytest.raises(OperatorMustAct, match="renewalInfo"):
            connector.renewal_info(written(b"k" * 20, 4711))
