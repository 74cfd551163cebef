"""A log that tests can read: the root logger's lines as they would be written in production."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portal.logs.lines import formatter


class Lines:
    """What was logged so far, as text and as fields."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def fields(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in self.fields if line["logger"] == logger]


@pytest.fixture
def logged() -> Iterator[Lines]:
    lines = Lines()
    handler = logging.StreamHandler(lines.stream)
    handler.setFormatter(formatter("json"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def everything_talks(logged: Lines) -> Iterator[Callable[[], None]]:
    """Lower every logger there is to DEBUG, those too that our configuration keeps quiet."""
    before: dict[str, int] = {}

    def lower() -> None:
        for name in list(logging.root.manager.loggerDict):
            one = logging.getLogger(name)
            before.setdefault(name, one.level)
            one.setLevel(logging.DEBUG)

    yield lower
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
