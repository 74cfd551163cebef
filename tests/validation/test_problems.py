"""validation/problems.py: every finding can be said, whatever is known about it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import validation
from validation.problems import PROBLEMS, Finding, Severity

ROOM = Path(validation.__file__).parent
# Words of the same shape: constraints, indexes, a letter.
NO_FINDINGS = {"delegation_once_per_name", "delegation_due", "delegation_broken"}


@pytest.mark.parametrize("slug", PROBLEMS)
def test_every_text_survives_missing_facts(slug):
    finding = Finding(slug, in_place=False)
    assert finding.title.rstrip("–").rstrip(" :").endswith((".", "yet"))
    assert finding.advice
    assert finding.severity in set(Severity)


@pytest.mark.parametrize("slug", PROBLEMS)
def test_every_title_is_one_sentence_without_our_own_jargon(slug):
    problem = PROBLEMS[slug]
    assert len(str(problem.title)) <= 120
    words = re.sub(r"%\(\w+\)s", "", f"{problem.title} {problem.advice}")
    assert not re.search(r"\b(rcode|slug|NXDOMAIN|authorization|%)\b", words)


def test_every_slug_the_room_speaks_has_a_text():
    spoken = set()
    for path in ROOM.rglob("*.py"):
        if not {"problems", "migrations"} & set(path.parts):
            spoken |= set(re.findall(r'"((?:dns|http|caa|delegation|vantage)_[a-z_]+)"', path.read_text()))
    modules = {path.stem for path in ROOM.rglob("*.py")}
    assert spoken - modules - NO_FINDINGS <= set(PROBLEMS)


def test_every_text_is_spoken_somewhere():
    source = "".join(path.read_text() for path in ROOM.rglob("*.py") if "problems" not in path.parts)
    assert [slug for slug in PROBLEMS if f'"{slug}"' not in source] == []


def test_a_finding_comes_back_from_the_row_as_it_went():
    finding = Finding(
        "dns_nothing",
        False,
        "v",
        "",
        {"name": "_acme-challenge.shop.example", "host": "_acme-challenge"},
        "line",
    )
    assert Finding.from_json(finding.as_json()) == finding


@pytest.mark.parametrize("stored", [{}, {"slug": "of_another_release"}, {"slug": None}])
def test_what_cannot_be_read_is_no_finding(stored):
    assert Finding.from_json(stored) is None


def test_a_percent_sign_in_a_fact_breaks_nothing():
    assert "100%s" in Finding("dns_servfail", False, facts={"zone": "100%s", "rcode": "%(x)s"}).title


def test_what_is_stored_is_short():
    assert len(Finding("dns_nothing", False, seen="x" * 9000).as_json()["seen"]) == 500
