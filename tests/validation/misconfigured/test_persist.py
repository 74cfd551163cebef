"""Standing records that name something else: BIND serves them, and the line we tell makes the name prove itself."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tests.validation.misconfigured.cases_persist import TABLE, URI
from validation import persisting

pytestmark = pytest.mark.server


@pytest.mark.parametrize("case", TABLE)
def test_a_standing_record_is_judged_and_its_line_repairs_it(world, walking, alice, case):
    name = f"{case}.example"
    row = persisting.offer(alice, name, account_uri=URI, issuer="ca.example", wildcard=True, now=NOW)
    finding = persisting.find(row, NOW, walking())
    assert (finding.slug, finding.in_place) == (TABLE[case].slug, False)
    assert (finding.facts["zone"], finding.facts["host"]) == (name, "_validation-persist")
    assert "–" not in f"{finding.title}{finding.advice}"
    world.publish(finding.repair, name)
    assert persisting.find(row, NOW, walking()).slug == "persist_in_place"


def test_a_zone_that_nobody_serves_is_unknown(walking, alice):
    row = persisting.offer(
        alice, "dead.example", account_uri=URI, issuer="ca.example", wildcard=True, now=NOW
    )
    finding = persisting.find(row, NOW, walking())
    assert (finding.slug, finding.in_place) == ("delegation_unknown", False)
