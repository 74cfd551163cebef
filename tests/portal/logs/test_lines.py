"""Lines for machines and for people: one formatter for every logger of the process."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from outbound import call
from portal.logs.lines import NEVER_BELOW, formatter, logging_config
from tests.house.test_deployment import SAFE

ROOT = Path(__file__).resolve().parents[3]


def test_a_line_says_when_how_bad_who_and_what(logged):
    logging.getLogger("certificates.x").warning("order %s waits", 7, extra={"plan": "p"})
    (line,) = logged.fields
    assert list(line)[:4] == ["at", "level", "logger", "message"]
    assert (line["level"], line["logger"], line["message"], line["plan"]) == (
        "warning",
        "certificates.x",
        "order 7 waits",
        "p",
    )
    assert line["at"].endswith("Z")


def test_nobody_breaks_a_line_or_a_terminal(logged):
    logging.getLogger("x").info('shop.example\n{"level": "forged"}\x1b[2J')
    assert len(logged.text.splitlines()) == 1
    assert "\x1b" not in logged.text


def test_people_get_the_same_facts_on_one_line():
    record = logging.LogRecord("a.b", logging.INFO, "f", 1, "hello %s", ("you",), None)
    record.plan = "p1"
    text = formatter("plain").format(record)
    assert "hello you" in text
    assert "plan" in text
    assert "p1" in text


def test_a_request_that_leaves_the_house_is_logged_with_its_fields(logged):
    with call("ca", "newOrder", "ca.example") as this:
        this.outcome = "201"
    (line,) = logged.of("outbound.calls")
    assert (line["call"], line["peer"], line["outcome"]) == ("ca.newOrder", "ca.example", "201")
    assert line["ms"] >= 0


def test_what_is_bound_stands_on_the_lines_of_libraries_too(logged):
    with structlog.contextvars.bound_contextvars(order_id="o1"):
        logging.getLogger("celery.worker").info("hi")
    logging.getLogger("celery.worker").info("again")
    first, second = logged.of("celery.worker")
    assert first["order_id"] == "o1"
    assert "order_id" not in second


@pytest.mark.parametrize("name", ["acme.client", "stripe", "urllib3.connectionpool", "django.db.backends"])
def test_what_prints_payloads_stays_quiet_at_debug(name):
    least = logging_config("json", "DEBUG")["loggers"][next(n for n in NEVER_BELOW if name.startswith(n))][
        "level"
    ]
    assert least != "DEBUG"


def test_every_logger_of_the_settings_writes_through_the_one_handler():
    config = logging_config("json", "INFO")
    assert config["root"]["handlers"] == ["console"]
    assert not any(logger.get("handlers") for logger in config["loggers"].values())


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import django; django.setup(); import logging; logging.getLogger('django.request').error('sk_live_abcdef')"],
        ["-m", "gunicorn", "no.such.module", "--bind", "127.0.0.1:0", "--no-control-socket"],
        ["-m", "celery", "-A", "portal", "inspect", "ping", "--timeout", "0.1"],
    ],
    ids=["django", "gunicorn", "celery"],
)  # fmt: skip
def test_production_writes_json_and_nothing_else(tmp_path, command):
    env = {
        "PATH": os.environ["PATH"],
        **SAFE,
        "VAR_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    env |= {"CELERY_BROKER_URL": "memory://", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("{")]
    if "celery" not in command:
        assert lines, done.stderr
    for line in lines:
        assert json.loads(line)["message"]
    assert "sk_live_abcdef" not in done.stderr
    assert "Traceback" not in [line.split(" ")[0] for line in done.stderr.splitlines()]


def test_an_unknown_format_stops_the_start(tmp_path):
    env = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "LOG_FORMAT": "xml"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "LOG_FORMAT" in done.stderr
