"""validation/untrusted.py: a stranger's text cannot do anything to the page, the log or a comparison."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.untrusted import clean


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("plain", "plain"),
        ("a b", "a b"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("a\r\nb", "a\ufffd\ufffdb"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("münchen", "münchen"),
    ],
)
def test_it_replaces_what_cannot_be_seen(sent, shown):
    assert clean(sent) == shown


@given(st.one_of(st.text(), st.binary()))
def test_whatever_comes_is_printable_and_short(sent):
    assert clean(sent, 20).isprintable()
    assert len(clean(sent, 20)) <= 20
    assert clean(clean(sent)) == clean(sent)


@given(st.text(max_size=100))
def test_nothing_becomes_something_else_by_losing_characters(sent):
    assert len(clean(sent)) == len(sent)
