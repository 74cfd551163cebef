"""Several processes, one page: the shared directory, and a worker's own door."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from portal.metrics import of_a_worker
from sandbox.free_ports import free_port
from tests.portal.metrics.figures import Figures

ROOT = Path(__file__).resolve().parents[3]
COUNT = """
import django, os, sys; django.setup()
from outbound import call
with call("ca", "newOrder", "ca.example") as this: this.outcome = "201"
os._exit(0)
"""
READ = """
import django; django.setup()
from prometheus_client import generate_latest
from portal.metrics.registry import page
print(generate_latest(page()).decode())
"""


def run(code: str, folder: Path) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "VAR_DIR": str(folder / "var"),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    env["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "metrics")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def test_processes_that_share_a_directory_are_added_up_and_a_killed_one_still_counts(tmp_path):
    for _process in range(2):
        run(COUNT, tmp_path)
    assert (
        Figures(run(READ, tmp_path)).value("chancery_outbound_calls_total", verb="newOrder", outcome="201")
        == 2
    )


@pytest.mark.parametrize(
    ("path", "method", "token", "status"),
    [
        ("/metrics", "GET", "t", "200 OK"),
        ("/metrics", "GET", "wrong", "404 Not Found"),
        ("/metrics", "POST", "t", "404 Not Found"),
        ("/", "GET", "t", "404 Not Found"),
    ],
)
def test_a_workers_figures_need_the_token_too(settings, path, method, token, status):
    settings.METRICS_TOKEN = "t"
    said = []
    environ = {
        "PATH_INFO": path,
        "REQUEST_METHOD": method,
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "wsgi.input": io.BytesIO(),
    }
    body = b"".join(of_a_worker.answer(environ, lambda line, headers: said.append(line)))
    assert said == [status]
    assert (b"chancery_" in body) is (status == "200 OK")


def test_a_worker_listens_while_it_runs_and_a_taken_port_stops_nobody(settings):
    settings.METRICS_TOKEN, settings.WORKER_METRICS_PORT = "t", free_port()
    settings.WORKER_METRICS_ADDRESS = "127.0.0.1"
    door, second = of_a_worker.MetricsDoor(None), of_a_worker.MetricsDoor(None)
    door.start(None)
    second.start(None)
    try:
        assert second.server is None
        address = f"http://127.0.0.1:{settings.WORKER_METRICS_PORT}/metrics"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address, timeout=5)
        request = urllib.request.Request(address, headers={"Authorization": "Bearer t"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert b"chancery_rows_worked" in answer.read()
    finally:
        door.stop(None)
        second.stop(None)


def test_a_worker_without_a_port_opens_none(settings):
    settings.WORKER_METRICS_PORT = 0
    door = of_a_worker.MetricsDoor(None)
    door.start(None)
    assert door.server is None
    door.stop(None)
