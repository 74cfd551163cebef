"""A port that was given stays out of everybody's reach until the one it was given to binds it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from sandbox.free_ports import BLOCK, FREE_RANGE, OUTGOING, FreePorts, NoPortLeft, usable

# Below FREE_RANGE, and at another place and under another name in each process that runs these tests.
START = 5_000 + os.getpid() % 40 * 2 * BLOCK
TWO_BLOCKS = range(START, START + 2 * BLOCK)
CLAIMS = f"chancery-test-ports-{os.getpid()}"


def outgoing(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "ip_local_port_range"
    path.write_text(text)
    return path


def test_none_is_a_port_from_which_the_system_connects_outwards() -> None:
    first = int(OUTGOING.read_text().split()[0])
    assert all(port < first for port in islice(FreePorts(), 500))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("32768\t60999\n", FREE_RANGE),
        ("20000 65535", range(FREE_RANGE.start, 20_000)),
        ("1024 65535", FREE_RANGE),
        ("", FREE_RANGE),
        ("none", FREE_RANGE),
    ],
)
def test_the_systems_own_setting_is_read(tmp_path: Path, text: str, expected: range) -> None:
    assert usable(outgoing(tmp_path, text)) == expected


def test_a_system_that_does_not_tell_is_taken_for_an_ordinary_one(tmp_path: Path) -> None:
    assert usable(tmp_path / "missing") == FREE_RANGE


def test_each_is_given_once_and_then_it_says_that_none_is_left() -> None:
    ports = FreePorts(TWO_BLOCKS, CLAIMS)
    given: list[int] = []
    with pytest.raises(NoPortLeft, match=f"no port left of {START} to {START + 99}"):
        given.extend(ports)
    assert given
    assert len(set(given)) == len(given)
    assert set(given) <= set(TWO_BLOCKS)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.5", "0.0.0.0"])
def test_one_that_is_held_at_any_address_is_left_out(address: str, kind: socket.SocketKind) -> None:
    port = next(FreePorts(TWO_BLOCKS, CLAIMS))
    with socket.socket(type=kind) as held:
        held.bind((address, port))
        assert port not in rest(FreePorts(TWO_BLOCKS, CLAIMS))


def test_what_one_process_was_given_no_other_gets_for_as_long_as_it_lives() -> None:
    program = (
        "from sandbox.free_ports import FreePorts\n"
        f"ports = FreePorts({TWO_BLOCKS!r}, {CLAIMS!r})\n"
        "print(next(ports), flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        theirs = int(other.stdout.readline())
        ours = rest(FreePorts(TWO_BLOCKS, CLAIMS))
        assert ours
        assert not set(ours) & set(block_of(theirs))
        other.communicate("\n")
    assert theirs in rest(FreePorts(TWO_BLOCKS, CLAIMS))


def test_a_forked_process_is_given_others_than_its_parent() -> None:
    ports = FreePorts(TWO_BLOCKS, CLAIMS)
    before = next(ports)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(next(ports)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = int(os.read(reader, 10))
    os.close(reader)
    os.close(writer)
    assert theirs not in block_of(before)
    assert next(ports) in block_of(before)


def rest(ports: FreePorts) -> list[int]:
    given: list[int] = []
    with pytest.raises(NoPortLeft):
        given.extend(ports)
    return given


def block_of(port: int) -> range:
    start = port - port % BLOCK
    return range(start, start + BLOCK)
