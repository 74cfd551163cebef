"""Form bodies with nested brackets, good and broken."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.cards.errors import Refusal
from sandbox.cards.parameters import ANY_KEYS, TEXT, check_known, decode, integer

SHAPE = {"a": {"b": [TEXT]}, "c": TEXT, "m": ANY_KEYS}


def test_it_reads_maps_lists_and_values() -> None:
    read = decode("a[b][0]=x&a[b][1]=y&c=%E2%82%AC+1&m[order]=17&expand[]=p&expand[]=q")
    assert read == {"a": {"b": ["x", "y"]}, "c": "€ 1", "m": {"order": "17"}, "expand": ["p", "q"]}


@pytest.mark.parametrize(
    "text", ["a=1&a[b]=2", "a[b]=1&a=2", "a[b=1", "a]b=1", "a[b]c=1", "a" + "[x]" * 40 + "=1"]
)
def test_it_refuses_names_that_contradict_or_are_broken(text: str) -> None:
    with pytest.raises(Refusal):
        decode(text)


@pytest.mark.parametrize(
    "text", ["x=1", "a=1", "a[b]=1", "a[b][0][z]=1", "a[z]=1", "c[0]=1", "m=1", "m[a][b]=1"]
)
def test_it_refuses_what_does_not_fit_the_shape(text: str) -> None:
    with pytest.raises(Refusal):
        check_known(decode(text), SHAPE)


@pytest.mark.parametrize("text", ["1.5", "1e3", " 1", "", "٣", "--1", "9" * 16])
def test_a_whole_number_is_digits_only(text: str) -> None:
    with pytest.raises(Refusal):
        integer(text, "amount", 0, 10**20)


@given(st.text(alphabet="ab[]=&0123%+", max_size=60))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    with contextlib.suppress(Refusal):
        check_known(decode(text), SHAPE)
