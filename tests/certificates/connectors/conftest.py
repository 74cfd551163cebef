"""A badly behaved CA and a registered connector to it, fresh for each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certificates.connectors.acme import AcmeConnector
from certificates.connectors.base import CaEndpoint
from tests.certificates.connectors.rough_ca import RoughCa
from tests.contracts.ca import key_pem

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[RoughCa]:
    server = RoughCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def endpoint(ca: RoughCa) -> CaEndpoint:
    return CaEndpoint(
        directory_url=ca.url("/directory"),
        account_key_pem=key_pem(ec.generate_private_key(ec.SECP256R1())),
        roots_pem=ca.roots_pem,
        account_url=ca.url("/account/1"),
    )


@pytest.fixture
def connector(endpoint: CaEndpoint) -> AcmeConnector:
    return AcmeConnector(endpoint, clock=lambda: NOW)
