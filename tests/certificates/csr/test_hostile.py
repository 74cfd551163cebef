"""Mutated, random and costly texts: each gives a report or a refusal, and soon."""

from __future__ import annotations

import random
import time

import pytest
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certificates import csr
from certificates.csr import UnacceptableCSR
from tests.certificates import samples
from tests.certificates.csr.reading import DER, slugs_of
from tests.certificates.samples import common_name, extension, pem, raw_csr, san_of

SEEDS = [
    DER,
    samples.csr(
        ["*.example.com", "example.com"],
        key=samples.key_of("rsa-2048"),
        subject=[(NameOID.ORGANIZATION_NAME, "Acme")],
    ),
    raw_csr(
        subject=common_name(b"\x00e\x00x", tag=0x1E),
        extensions=[san_of("a.com"), extension("2.5.29.19", b"\x30\x00")],
    ),
]


def survives(pasted: str | bytes) -> None:
    started = time.process_time()
    try:
        report = csr.read(pasted)
    except UnacceptableCSR as refused:
        problems = refused.problems
    else:
        problems = []
        assert report.names
    assert all(problem.message.isprintable() for problem in problems)
    assert time.process_time() - started < 5


@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(st.floats(0, 0.999), st.sampled_from("fids"), st.integers(0, 255)), min_size=1, max_size=6
    ),
)
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
def test_two_thousand_mutated_csrs_give_a_report_or_a_refusal(
    seed: bytes, changes: list[tuple[float, str, int]]
) -> None:
    mutated = bytearray(seed)
    for place, kind, value in changes:
        at = int(place * len(mutated))
        if kind == "f":
            mutated[at] ^= value or 1
        elif kind == "i":
            mutated.insert(at, value)
        elif kind == "d" and len(mutated) > 2:
            del mutated[at]
        else:
            mutated[at] = value
    survives(bytes(mutated))
    survives(pem(bytes(mutated)))


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_a_report_or_a_refusal(noise: bytes) -> None:
    survives(noise)
    survives(noise.decode("latin-1"))
    survives(raw_csr(extensions=[san_of(noise[:200])]))
    survives(raw_csr(subject=common_name(noise[:200]), extensions=[extension("2.5.29.17", noise)]))


def test_a_csr_costs_little() -> None:
    hundred = samples.csr([f"a{n}.example.com" for n in range(100)], key=samples.key_of("rsa-2048"))
    csr.read(hundred)
    costs = []
    for _ in range(7):
        started = time.process_time()
        csr.read(hundred)
        costs.append(time.process_time() - started)
    assert min(costs) < 0.25


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN " * 10_900,
        "-----BEGIN A-----" * 3_800,
        "-----BEGIN CERTIFICATE REQUEST-----" * 1_800,
        '"kty":' * 10_000,
        "M" * 65_000,
        ("MII" + "A" * 61 + "\n") * 1000,
        "{" + '"d"' * 20_000,
        "\n" * 65_000,
        " -" * 32_000,
    ],
)
def test_texts_made_to_be_slow_are_not(text: str) -> None:
    started = time.process_time()
    slugs_of(text)
    assert time.process_time() - started < 5


def test_shuffled_lines_are_refused() -> None:
    lines = pem(SEEDS[1]).splitlines()
    body = lines[1:-1]
    random.Random(1).shuffle(body)
    assert slugs_of("\n".join([lines[0], *body, lines[-1]]))
