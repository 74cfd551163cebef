"""CAA records that keep our CA out: BIND serves them, and the record we tell lets it in."""

from __future__ import annotations

import pytest

from tests.validation.misconfigured.cases_caa import ACCOUNT, TABLE
from validation.caa import permits

pytestmark = pytest.mark.server


@pytest.mark.parametrize("case", TABLE)
def test_a_caa_record_is_judged_and_its_line_repairs_it(world, walking, case):
    entry = TABLE[case]
    zone = f"{case}.example"

    def look():
        name = f"{entry.below}{zone}"
        return permits(
            name, entry.wildcard, ["ca.example"], account_url=ACCOUNT, method="dns-01", resolver=walking()
        )

    report = look()
    assert (report.reason, report.allowed) == (entry.slug, False)
    assert report.found_at in report.title
    finding = report.finding
    if entry.removed:
        assert (finding.repair, finding.remove) == ("", (f"{zone}. CAA {entry.removed}",))
        world.remove(finding.remove[0], zone)
    else:
        assert finding.remove == ()
        assert finding.repair.split(" ", 4)[4] == f'"{entry.value}"'
        # An alias lends its target's records: the line names where they stand.
        world.publish(finding.repair, "host.example" if case == "caa-alias" else report.found_at)
    assert look().allowed


def test_a_zone_without_records_lets_every_ca_in(walking):
    assert permits("www.nothing.example", False, ["ca.example"], resolver=walking()).reason == "caa_none"


def test_a_zone_whose_signatures_fail_is_unknown(walking):
    report = permits("www.broken.example", False, ["ca.example"], resolver=walking())
    assert (report.reason, report.rcode) == ("caa_unknown", "DNSSEC")
