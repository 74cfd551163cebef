"""Two customers, one name, one CA account, every order of events: zero certificates to the wrong one (design §5.1)."""

from __future__ import annotations

import pytest

from tests.certificates.issuance.ledger_attacks.cases import WAYS, every_case
from tests.certificates.issuance.ledger_attacks.conftest import TRIED, WRONG

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("way", WAYS)
def test_no_certificate_goes_to_a_customer_who_has_not_shown_its_names(stage, way, record_property):
    wrong, left, right = [], [], 0
    for case in every_case(way):
        scene = stage.play(case)
        wrong += scene.wrong()
        # A CA that finds names valid by itself may do so again whenever it looks: there only the ledger stands.
        left += [f"{case}: {text}" for text in scene.left_valid() if not scene.is_for_an_operator]
        right += scene.right()
        scene.tidy()
    record_property(TRIED, stage.played)
    record_property(WRONG, len(wrong))
    assert wrong == []
    assert left == [], "what one customer has proven must not wait at a shared account for the next"
    assert right or scene.is_for_an_operator, "nobody got anything: nothing was tested"
