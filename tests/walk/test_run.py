"""`make run`: comes up, says where everything is, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from sandbox.ports import Ports

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.town


def start(var_dir: Path, variables: dict[str, str]) -> subprocess.Popen[str]:
    env = {**os.environ, **variables, "VAR_DIR": str(var_dir), "PLAIN_STATIC": "0"}
    env.pop("EMAIL_BACKEND", None)
    return subprocess.Popen(
        [sys.executable, "-m", "runner.run"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process: subprocess.Popen[str], word: str, seconds: float = 180) -> str:
    said, end = "", time.monotonic() + seconds
    assert process.stdout is not None
    while time.monotonic() < end:
        line = process.stdout.readline()
        said += line
        if word in line or not line:
            return said
    raise AssertionError(said)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_comes_up_says_where_everything_is_and_ctrl_c_stops_all_of_it(tmp_path):
    ports = Ports.from_environment({}, free=True)
    process = start(tmp_path, ports.variables())
    try:
        said = read_until(process, "Ctrl-C")
        for word in ("Portal", "Admin", "Test card", "4242", "Mailbox", "Hosting panel", str(ports.portal)):
            assert word in said, said
        with urllib.request.urlopen(f"http://127.0.0.1:{ports.portal}/", timeout=10) as page:
            assert b"Order now" in page.read()
        with urllib.request.urlopen(f"http://127.0.0.1:{ports.panel}/health", timeout=10) as health:
            assert json.load(health)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0
    for port in (ports.portal, ports.panel, ports.cards, ports.mailbox, ports.acme, ports.dns_management):
        assert not listens(port)


def test_a_busy_port_is_named_with_the_variable_that_moves_it(tmp_path):
    ports = Ports.from_environment({}, free=True)
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", ports.portal))
        squatter.listen()
        process = start(tmp_path, ports.variables())
        said = read_until(process, "SANDBOX_PORTAL_PORT")
        assert process.wait(20) == 1
    assert str(ports.portal) in said
    assert "Traceback" not in said
