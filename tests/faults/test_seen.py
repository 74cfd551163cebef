"""An expectation that every page would meet is refused before any test runs."""

from __future__ import annotations

import pytest

from tests.faults.seen import NOTHING, Seen


@pytest.mark.parametrize(
    "empty",
    [
        ((), ("x",), NOTHING),
        (("x",), (), NOTHING),
        (("x", ""), ("x",), NOTHING),
        (("x",), ("x",), ""),
        (("x",), ("x",), NOTHING, ("a line",)),
    ],
)
def test_an_empty_expectation_cannot_be_made(empty):
    with pytest.raises(ValueError, match=r"board|empty"):
        Seen(*empty)
