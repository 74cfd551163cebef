"""One bench for the tests of a run: towns, workers to kill, and everybody who is asked afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.bases import SQLITE
from tests.chaos.matrix import Bench, running_bench


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for a socket's path, open enough for PostgreSQL's own user."""
    path = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(SQLITE, tmp_path_factory.mktemp("chaos"), side_by_side=6) as bench:
        yield bench
