"""The alert rules and the page of figures speak of the same things."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from django.utils import timezone

from accounts import mail
from audit.record import record
from audit.vocabulary import Action
from outbound import call
from portal import sweeping
from tests.factories import CaAccountFactory

ROOT = Path(__file__).resolve().parents[3]
RULES = yaml.safe_load((ROOT / "docs/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"][0][
    "rules"
]
NAME = re.compile(r"chancery_[a-z_]+")


@pytest.fixture
def page(db, client, settings, alice) -> str:
    """A page on which every figure has a value."""
    settings.METRICS_TOKEN = "t"
    CaAccountFactory()
    record(Action.LETTER_SENT, alice, now=timezone.now() - timedelta(minutes=5), by="mail")
    with call("ca", "newOrder", "ca.example"):
        pass
    client.get("/guides/")
    mail.post(to="a@example.org", kind="k", occasion="o", subject="s", body="b", now=timezone.now())
    sweeping.sweep()
    return client.get("/metrics", headers={"Authorization": "Bearer t"}).content.decode()


def test_every_figure_that_is_documented_exists(page):
    told = {line.split("{")[0].split(" ")[0] for line in page.splitlines() if not line.startswith("#")}
    families = told | {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in told}
    docs = (ROOT / "docs/operating.md").read_text(encoding="utf-8") + str(RULES)
    named = set(NAME.findall(docs))
    assert len(named) > 15
    assert named - families == set()
    # And none is left out.
    ours = {
        re.sub(r"_(bucket|count|sum|created)$", "", name) for name in told if name.startswith("chancery_")
    }
    assert ours - named == set()


def test_every_rule_has_a_name_a_condition_and_a_sentence():
    assert len({rule["alert"] for rule in RULES}) == 5
    for rule in RULES:
        assert rule["expr"].count("(") == rule["expr"].count(")")
        assert rule["annotations"]["summary"].endswith((".", "/staff/.", "trace."))
        assert rule["labels"]["severity"] in {"page", "ticket"}
