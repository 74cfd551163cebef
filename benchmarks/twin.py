"""A copy of the database as it once was, so that few rows and many can be measured in turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Twin:
    """PostgreSQL only; nobody but this process may be connected while the copy is made."""

    def __init__(self, name: str) -> None:
        from django.db import connection

        self.name = name
        self._own = connection.settings_dict["NAME"]
        with _elsewhere("postgres"), connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._own}"')
        with _elsewhere(name), connection.cursor() as cursor:
            # What a copy leaves to the background would otherwise be done while we measure.
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")

    @contextmanager
    def instead(self) -> Iterator[None]:
        """Let this process speak to the copy, over a connection of its own."""
        with _elsewhere(self.name):
            yield


@contextmanager
def _elsewhere(name: str) -> Iterator[None]:
    from django.db import connection

    own = connection.settings_dict["NAME"]
    _move(name)
    try:
        yield
    finally:
        _move(own)


def _move(name: str) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name
