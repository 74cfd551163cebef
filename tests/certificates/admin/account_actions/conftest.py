"""An account that its CA knows."""

from __future__ import annotations

import pytest
from django.utils import timezone

from certificates.connection import connect, register
from tests.certificates.issuance.keyed_ca import KeyedCa
from tests.factories import CaAccountFactory


@pytest.fixture
def ca(tmp_path):
    server = KeyedCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def account(ca):
    """An account that the CA knows."""
    made = CaAccountFactory(
        name="Keyed CA",
        directory_url=ca.url("/directory"),
        roots_pem=ca.roots_pem,
        contact="ops@portal.example",
    )
    register(made, connect(made), timezone.now())
    return made
