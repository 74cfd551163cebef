"""Messages as files: half of one is never read, and one that cannot be read ends nobody's loop."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection
from kombu.transport import filesystem

from portal.broker import Channel, Transport
from portal.celery import app

WRITE = """
import sys
from kombu import Connection
import portal.celery
folder, count = sys.argv[1], int(sys.argv[2])
options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control", "store_processed": False}
channel = Connection("filesystem://", transport_options=options).channel()
for number in range(count):
    channel._put("celery", {"number": number, "filling": "x" * 20_000})
"""


@pytest.fixture
def channel(tmp_path: Path) -> Any:
    return Connection("filesystem://", transport_options=options(tmp_path)).channel()


def options(folder: Path) -> dict[str, Any]:
    return {
        "data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control"),
        "store_processed": False,
    }  # fmt: skip


def test_it_is_what_our_workers_and_our_pages_speak(channel):
    assert app.connection_for_write().get_transport_cls() is Transport
    assert app.connection_for_read().get_transport_cls() is Transport
    assert type(channel) is Channel


def test_a_message_goes_through(channel):
    channel._put("celery", {"a": "ü"})
    channel._put("celery", {"a": 2})
    channel._put("other", {"a": 3})
    assert [channel._get("celery"), channel._get("celery"), channel._get("other")] == [
        {"a": "ü"}, {"a": 2}, {"a": 3},
    ]  # fmt: skip
    with pytest.raises(Empty):
        channel._get("celery")


@pytest.mark.parametrize("uptime", [0.1, 9_999.9, 11_520.0, 99_999.9])
def test_they_come_in_the_order_they_were_put_however_long_the_machine_has_been_up(
    channel, monkeypatch, uptime
):
    """Uptimes at which a number of milliseconds gains a digit, or begins with another one."""
    for number in range(3):
        monkeypatch.setattr(time, "monotonic", lambda now=uptime + number / 10: now)
        channel._put("celery", {"number": number})
    assert [channel._get("celery")["number"] for _each in range(3)] == [0, 1, 2]


def test_another_process_writes_as_fast_as_it_can_and_every_message_is_read_whole(channel, tmp_path):
    count, numbers = 400, []
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path), str(count)])
    end = time.monotonic() + 60
    while len(numbers) < count and time.monotonic() < end:
        try:
            numbers.append(channel._get("celery")["number"])
        except Empty:
            assert writer.poll() in {None, 0}
    assert writer.wait(10) == 0
    assert sorted(numbers) == list(range(count))


@pytest.mark.parametrize("content", ["", '{"half": '])
def test_one_that_was_left_half_written_is_missed_and_the_next_one_is_not(channel, tmp_path, content):
    (tmp_path / "0_a.celery.msg").write_text(content)
    channel._put("celery", {"a": 1})
    with pytest.raises(Empty):
        channel._get("celery")
    assert channel._get("celery") == {"a": 1}


def test_kombus_own_ends_in_an_error_there(tmp_path):
    """Why there is one of ours: when this is no longer so, it can go."""
    theirs = filesystem.Transport.Channel(
        Connection("memory://", transport_options=options(tmp_path)).transport
    )
    (tmp_path / "1_a.celery.msg").write_text("")
    with pytest.raises(ValueError, match="Expecting value"):
        theirs._get("celery")


def test_a_table_that_is_being_written_is_read_when_it_is_there(channel, tmp_path):
    (tmp_path / "control").mkdir()
    table = tmp_path / "control" / "celery.exchange"
    table.write_text("")
    later = threading.Timer(0.2, lambda: table.write_text(json.dumps([["", "", "celery"]])))
    later.start()
    channel._queue_bind("celery", "", "", "celery")
    later.join()
    assert [row.queue for row in channel.get_table("celery")] == ["celery"]


def test_a_table_that_stays_unreadable_is_an_error(channel, tmp_path, monkeypatch):
    monkeypatch.setattr("portal.broker.TRIES", 2)
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "celery.exchange").write_text("")
    with pytest.raises(ValueError, match="Expecting value"):
        channel.get_table("celery")
