"""A second CA beside the desk's, and DNS for its CAA."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates.models import CaAccount
from tests.certificates.issuance.little_ca import LittleCa
from tests.factories import CaAccountFactory


@pytest.fixture
def second_ca(tmp_path: Path) -> Iterator[LittleCa]:
    folder = tmp_path / "second"
    folder.mkdir()
    server = LittleCa(folder)
    yield server
    server.stop()


@pytest.fixture
def second(desk, second_ca: LittleCa) -> CaAccount:
    return CaAccountFactory(
        name="Second CA", directory_url=second_ca.url("/directory"), roots_pem=second_ca.roots_pem
    )
