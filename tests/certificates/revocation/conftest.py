"""A CA that revokes, an account at it, and a clock that jumps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from tests.certificates.issuance.desk import Desk
from tests.certificates.revocation.revoking_ca import RevokingCa
from tests.factories import CaAccountFactory


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[RevokingCa]:
    server = RevokingCa(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def desk(db, ca: RevokingCa) -> Iterator[Desk]:
    account = CaAccountFactory(directory_url=ca.url("/directory"), roots_pem=ca.roots_pem)
    with time_machine.travel(timezone.now(), tick=True) as clock:
        yield Desk(ca, account, clock)
