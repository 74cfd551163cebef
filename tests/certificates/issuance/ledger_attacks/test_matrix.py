"""Two customers, one name, one CA account, every order of events: zero certificates to the wrong one (design §5.1)."""

from __future__ import annotations

import pytest

from tests.certificates.issuance.ledger_attacks.cases import every_batch
from tests.conftest import COUNTED

pytestmark = pytest.mark.django_db

BATCHES = [pytest.param(cases, id=f"{way}, {number}") for way, number, cases in every_batch()]


@pytest.mark.parametrize("cases", BATCHES)
def test_no_certificate_goes_to_a_customer_who_has_not_shown_its_names(stage, cases, record_property):
    wrong, left, right, for_an_operator = [], [], 0, False
    for case in cases:
        scene = stage.play(case)
        wrong += scene.wrong()
        # A CA that finds names valid by itself may do so again whenever it looks: there only the ledger stands.
        left += [f"{case}: {text}" for text in scene.left_valid() if not scene.is_for_an_operator]
        right += scene.right()
        for_an_operator = for_an_operator or scene.is_for_an_operator
        scene.tidy()
    record_property(COUNTED, ("ledger attacks", "cases", stage.played))
    record_property(COUNTED, ("ledger attacks", "certificates to the wrong customer", len(wrong)))
    assert wrong == []
    assert left == [], "what one customer has proven must not wait at a shared account for the next"
    assert right or for_an_operator, "nobody got anything: nothing was tested"
