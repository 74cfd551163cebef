"""Attempts to break the sealing of private keys."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import secrets
import time
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import keys, sealing
from certificates.sealing import (
    CannotUnseal,
    KeyRing,
    UnusableKeySetting,
    kid_of,
    new_setting,
    rewrap,
    seal,
    unseal,
)
from tests.certificates import samples

CONTEXT = ("private_key", "17", "owner-4", "tls")
OLD = new_setting("k0")
NEW = new_setting("k1")
SECRET = keys.to_der(samples.key_of())
RING = KeyRing.from_setting(f"{NEW},{OLD}")


def test_what_was_sealed_is_unsealed() -> None:
    for plaintext in (SECRET, b"", b"x", secrets.token_bytes(100_000)):
        assert unseal(seal(plaintext, context=CONTEXT, ring=RING), context=CONTEXT, ring=RING) == plaintext


def test_a_blob_from_a_database_may_be_a_memoryview() -> None:
    assert unseal(memoryview(seal(SECRET, context=CONTEXT, ring=RING)), context=CONTEXT, ring=RING) == SECRET  # type: ignore[arg-type]


def test_the_first_key_seals_and_all_unseal() -> None:
    old_ring = KeyRing.from_setting(OLD)
    blob = seal(SECRET, context=CONTEXT, ring=old_ring)
    assert kid_of(blob) == "k0"
    assert unseal(blob, context=CONTEXT, ring=RING) == SECRET
    assert kid_of(seal(SECRET, context=CONTEXT, ring=RING)) == RING.newest == "k1"


def test_nothing_of_the_secret_is_in_the_blob_and_no_two_are_alike() -> None:
    first, second = seal(SECRET, context=CONTEXT, ring=RING), seal(SECRET, context=CONTEXT, ring=RING)
    assert first != second
    assert first[-40:] != second[-40:]
    assert SECRET[:16] not in first
    assert b"private_key" not in first


@pytest.mark.parametrize(
    "other",
    [
        ("private_key", "18", "owner-4", "tls"),
        ("private_key", "17", "owner-5", "tls"),
        ("private_key", "17", "owner-4", "account"),
        ("certificate", "17", "owner-4", "tls"),
        ("private_key", "17", "owner-4"),
        ("private_key", "17", "owner-4", "tls", "x"),
        ("private_key", "1", "7owner-4", "tls"),
        ("private_key17owner-4tls",),
        ("17", "private_key", "owner-4", "tls"),
    ],
)
def test_a_blob_moved_to_another_row_or_owner_does_not_open(other: tuple[str, ...]) -> None:
    blob = seal(SECRET, context=CONTEXT, ring=RING)
    with pytest.raises(CannotUnseal):
        unseal(blob, context=other, ring=RING)
    with pytest.raises(CannotUnseal):
        rewrap(blob, context=other, ring=RING)


def test_swapped_rows_both_refuse() -> None:
    contexts = [("private_key", str(row), "owner-4", "tls") for row in (1, 2)]
    blobs = [seal(SECRET, context=context, ring=RING) for context in contexts]
    for blob, context in zip(reversed(blobs), contexts, strict=True):
        with pytest.raises(CannotUnseal):
            unseal(blob, context=context, ring=RING)


def test_mixing_the_halves_of_two_blobs_of_one_row_does_not_open() -> None:
    first, second = seal(b"first", context=CONTEXT, ring=RING), seal(b"other", context=CONTEXT, ring=RING)
    for cut in range(1, len(first)):
        mixed = first[:cut] + second[cut:]
        if mixed not in (first, second):
            with pytest.raises(CannotUnseal):
                unseal(mixed, context=CONTEXT, ring=RING)


def test_every_flipped_bit_of_every_byte_is_noticed() -> None:
    blob = seal(SECRET, context=CONTEXT, ring=RING)
    for at in range(len(blob)):
        for bit in range(8):
            broken = bytearray(blob)
            broken[at] ^= 1 << bit
            with pytest.raises(CannotUnseal):
                unseal(bytes(broken), context=CONTEXT, ring=RING)


def test_every_shortened_and_lengthened_blob_is_refused() -> None:
    blob = seal(SECRET, context=CONTEXT, ring=RING)
    for length in range(len(blob)):
        with pytest.raises(CannotUnseal):
            unseal(blob[:length], context=CONTEXT, ring=RING)
    for more in (b"\x00", blob):
        with pytest.raises(CannotUnseal):
            unseal(blob + more, context=CONTEXT, ring=RING)


def test_an_unknown_version_is_refused() -> None:
    blob = bytearray(seal(SECRET, context=CONTEXT, ring=RING))
    for version in (0, 2, 255):
        blob[2] = version
        with pytest.raises(CannotUnseal):
            unseal(bytes(blob), context=CONTEXT, ring=RING)
        with pytest.raises(CannotUnseal):
            kid_of(bytes(blob))


def test_the_wrong_key_does_not_open_even_under_the_same_id() -> None:
    blob = seal(SECRET, context=CONTEXT, ring=RING)
    for ring in (KeyRing.from_setting(new_setting("k1")), KeyRing.from_setting(OLD)):
        with pytest.raises(CannotUnseal):
            unseal(blob, context=CONTEXT, ring=ring)


def test_a_relabelled_blob_does_not_open_although_both_ids_hold_the_same_key() -> None:
    value = NEW.partition(":")[2]
    twins = KeyRing.from_setting(f"k1:{value},k2:{value}")
    blob = seal(SECRET, context=CONTEXT, ring=twins)
    with pytest.raises(CannotUnseal):
        unseal(blob.replace(b"k1", b"k2", 1), context=CONTEXT, ring=twins)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    for blob in (noise, b"CS\x01" + noise, b"CS\x01\x02k1" + noise):
        with pytest.raises(CannotUnseal):
            unseal(blob, context=CONTEXT, ring=RING)


def test_rewrapping_moves_to_the_newest_key_and_leaves_the_ciphertext() -> None:
    blob = seal(SECRET, context=CONTEXT, ring=KeyRing.from_setting(OLD))
    assert kid_of(blob) != RING.newest
    moved = rewrap(blob, context=CONTEXT, ring=RING)
    assert kid_of(moved) == RING.newest
    inner = 12 + len(SECRET) + 16
    assert moved[-inner:] == blob[-inner:]
    assert moved[:-inner] != blob[:-inner]
    assert unseal(moved, context=CONTEXT, ring=KeyRing.from_setting(NEW)) == SECRET
    with pytest.raises(CannotUnseal):
        unseal(moved, context=CONTEXT, ring=KeyRing.from_setting(OLD))


def test_rotation_is_quick() -> None:
    blobs = [seal(SECRET, context=CONTEXT, ring=KeyRing.from_setting(OLD)) for _ in range(500)]
    started = time.process_time()
    for blob in blobs:
        rewrap(blob, context=CONTEXT, ring=RING)
    assert time.process_time() - started < 2  # 2,000 a second, with room for a slow machine


@pytest.mark.parametrize("context", [(), ("",), ("a", ""), "text"])
def test_a_context_must_say_something(context: tuple[str, ...]) -> None:
    with pytest.raises(ValueError):
        seal(SECRET, context=context, ring=RING)


def _spoken(ring: KeyRing) -> list[Callable[[], str]]:
    return [
        lambda: repr(ring),
        lambda: str(ring),
        lambda: f"{ring}",
        lambda: repr([ring]),
        lambda: repr([getattr(ring, slot) for slot in KeyRing.__slots__]),
        lambda: repr(dir(ring)),
    ]


def test_a_ring_shows_nothing_of_its_keys() -> None:
    value = NEW.partition(":")[2]
    raw = base64.b64decode(value)
    for speak in _spoken(RING):
        said = speak()
        assert value not in said
        assert repr(raw)[2:-1] not in said
        assert raw.hex() not in said
    assert not hasattr(RING, "__dict__")


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_ring_is_never_written_down(write: Callable[..., object], protocol: int) -> None:
    with pytest.raises(TypeError) as refused:
        write(RING, protocol) if write is pickle.dumps else write(RING)
    assert NEW.partition(":")[2] not in str(refused.value)


def test_the_exception_carries_neither_key_nor_secret() -> None:
    blob = bytearray(seal(b"the secret itself", context=CONTEXT, ring=RING))
    blob[-1] ^= 1
    with pytest.raises(CannotUnseal) as refused:
        unseal(bytes(blob), context=CONTEXT, ring=RING)
    told = "".join(traceback.format_exception(refused.value)) + repr(refused.value.args)
    assert "the secret itself" not in told.replace("\\x", "")
    assert "owner-4" not in told
    assert str(refused.value) == "cannot unseal"
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "setting",
    [
        "",
        " , ",
        "k1",
        "k1:",
        ":" + NEW.partition(":")[2],
        NEW.partition(":")[2],
        "k1:not base64!",
        "k1:" + base64.b64encode(b"short").decode(),
        "k1:" + base64.b64encode(secrets.token_bytes(31)).decode(),
        "k1:" + base64.b64encode(secrets.token_bytes(64)).decode(),
        "k1:" + base64.b64encode(bytes(32)).decode(),
        "k1:" + base64.b64encode(b"changeme" * 4).decode(),
        f"{NEW},{NEW}",
        f"{NEW},{new_setting('k1')}",
        "k 1:" + NEW.partition(":")[2],
        "k" * 33 + ":" + NEW.partition(":")[2],
    ],
    # The random keys must not become part of the names: parallel workers have to collect the same tests.
    ids=lambda setting: f"setting-of-{len(setting)}",
)
def test_an_unusable_setting_is_refused_without_repeating_it(setting: str) -> None:
    with pytest.raises(UnusableKeySetting) as refused:
        KeyRing.from_setting(setting)
    encoded = setting.rpartition(":")[2]
    assert not encoded or encoded not in "".join(traceback.format_exception(refused.value, limit=0))
    assert refused.value.__context__ is None


def test_blanks_and_url_safe_base64_are_read() -> None:
    raw = b"\xfb\xff\xfe" + secrets.token_bytes(29)
    plain, url_safe = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    blob = seal(SECRET, context=CONTEXT, ring=KeyRing.from_setting(f"k1:{plain}"))
    assert (
        unseal(
            blob,
            context=CONTEXT,
            ring=KeyRing.from_setting(f"  k2:{NEW.partition(':')[2]} ,\n k1:{url_safe},"),
        )
        == SECRET
    )


def test_an_empty_ring_or_a_bad_id_is_refused() -> None:
    for keks in ({}, {"ä": secrets.token_bytes(32)}, {"": secrets.token_bytes(32)}):
        with pytest.raises(UnusableKeySetting):
            KeyRing(keks)


def test_new_settings_differ() -> None:
    assert len({new_setting("k1") for _ in range(50)}) == 50
    assert sealing.KeyRing.from_setting(new_setting("2026-11.a_b")).newest == "2026-11.a_b"
