"""One Pebble with one proxy for a whole module; a fresh account and a healthy CA for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from django.utils import timezone

from certificates.connectors.rfc8555 import transport
from tests.faults.ca import SpoiltCa, spoilt_pebble
from tests.faults.desk import FaultDesk, desk_at


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpoiltCa]:
    with spoilt_pebble(tmp_path_factory.mktemp("pebble")) as spoilt:
        yield spoilt


@pytest.fixture
def desk(db, ca: SpoiltCa, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultDesk]:
    # Late enough for a test, and nothing that a busy machine takes by itself.
    monkeypatch.setattr(transport, "READ_SECONDS", 2.0)
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield desk_at(ca, clock, terms_agreed_at=timezone.now())
    ca.heal()
