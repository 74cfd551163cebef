"""One server of these tests' own, and a connection to it for each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.utils import ConnectionHandler

from portal.env import database
from tests.servers import running_postgres


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        with running_postgres(Path(name) / "postgres") as running:
            yield running


@pytest.fixture
def connection(url: str, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Of this test's own server, also what atomic() is about: none of the databases that tests are kept from."""
    made: Any = ConnectionHandler({"default": database(url)})["default"]
    monkeypatch.setattr("django.db.transaction.get_connection", lambda using=None: made)
    with django_db_blocker.unblock():
        yield made
        made.close()
