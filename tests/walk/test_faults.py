"""The demo before a CA that misbehaves: half of all nonces refused, answers lost, an order ended, an account paused."""

from __future__ import annotations

import pytest

from runner import demo
from runner.browserless import Customer
from runner.demo import Walk
from runner.installation import Installation

pytestmark = [pytest.mark.town, pytest.mark.server]

SPOILT = {"PEBBLE_WFE_NONCEREJECT": "50", "FAULTS": "reset,invalid,useractionrequired,429-seconds"}


def test_it_ends_with_the_three_formats_all_the_same(tmp_path):
    extra = {
        **SPOILT,
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "PLAIN_STATIC": "0",
    }
    with Installation(tmp_path / "var", free_ports=True, extra_env=extra) as town:
        walk = Walk(town, Customer(town.portal_url), tmp_path / "home")
        for part in demo.PARTS:
            part(walk)
        assert walk.staff.helped > 0
        assert "The terms have changed." not in walk.customer.text
    kept = {path.suffix for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert {".crt", ".key", ".pfx"} <= kept
