"""The CA that looks, and the zone that is written at the outermost border."""

from __future__ import annotations

from collections.abc import Iterator

import dns.query
import pytest
import time_machine
from django.utils import timezone

from tests.certificates.issuance.ledger_attacks.cases import Case
from tests.certificates.issuance.ledger_attacks.looking_ca import LookingCa
from tests.certificates.issuance.ledger_attacks.scene import Scene
from tests.certificates.issuance.ledger_attacks.world import World


@pytest.fixture(scope="module")
def looking_ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LookingCa]:
    server = LookingCa(tmp_path_factory.mktemp("ca"))
    yield server
    server.stop()


class Stage:
    """Plays one case after the other, on one clock."""

    def __init__(self, ca: LookingCa, clock: object, writes_to: list[World]) -> None:
        self._ca, self._clock, self._writes_to = ca, clock, writes_to
        self.played = 0

    def play(self, case: Case) -> Scene:
        self.played += 1
        scene = Scene(self._ca, case, self._clock, self.played, self._writes_to)
        scene.play()
        return scene


@pytest.fixture
def stage(db, looking_ca, settings, monkeypatch) -> Iterator[Stage]:
    world = [World()]
    settings.DELEGATION_ZONE = world[0].zone
    settings.DELEGATION_SERVER = "127.0.0.1:1"
    settings.DELEGATION_TSIG_NAME, settings.DELEGATION_TSIG_SECRET = "portal.", "c2VjcmV0c2VjcmV0c2VjcmV0"
    monkeypatch.setattr(dns.query, "tcp", lambda update, *args, **kwargs: world[0].take_update(update))
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield Stage(looking_ca, clock, world)
