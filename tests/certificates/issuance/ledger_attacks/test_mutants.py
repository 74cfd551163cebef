"""The matrix can fail: each way to get the rule wrong leads to a certificate, or a proof, in the wrong hands."""

from __future__ import annotations

import pytest

from certificates.issuance import evidence, opening, proving, returning
from tests.certificates.issuance.ledger_attacks.cases import Case
from validation import delegation, ledger
from validation.models import Delegation

pytestmark = pytest.mark.django_db


def ledger_not_asked_before_finalize(monkeypatch) -> None:
    monkeypatch.setattr(proving, "unproven", lambda walk: [])


def nothing_is_deactivated(monkeypatch) -> None:
    monkeypatch.setattr(returning, "_leftover", lambda walk: [])


def label_is_shared_between_customers(monkeypatch) -> None:
    class Anybodys:
        def first(self, _owner: object, identifier: str) -> Delegation | None:
            rows = Delegation.objects.over(identifier).filter(kind="cname")
            return rows.order_by("created_at").first()

    monkeypatch.setattr(delegation, "_alias", Anybodys())


def whatever_the_ca_calls_valid_is_theirs(monkeypatch) -> None:
    monkeypatch.setattr(opening, "is_theirs", lambda walk, row, facts: True)
    monkeypatch.setattr(proving, "unproven", lambda walk: [])


def what_was_asked_for_before_a_withdrawal_shows_the_name_after_it(monkeypatch) -> None:
    monkeypatch.setattr(ledger, "shows_in_vain", lambda rows: [])


def what_was_insisted_on_is_a_proof(monkeypatch) -> None:
    monkeypatch.setattr(evidence, "is_theirs", lambda walk, row, challenge: True)


@pytest.mark.parametrize(
    ("mutant", "case"),
    [
        (
            ledger_not_asked_before_finalize,
            Case("dns-01", "same", "sold under way, withdrawn", 100, "given back"),
        ),
        (ledger_not_asked_before_finalize, Case("dns-01", "same", "sold under way, expired", 0, "kept")),
        (nothing_is_deactivated, Case("dns-01", "same", "sold", 100, "given back")),
        (label_is_shared_between_customers, Case("cname", "same", "after", 0, "given back")),
        (whatever_the_ca_calls_valid_is_theirs, Case("found by itself", "same", "after", 0, "kept")),
        (
            what_was_asked_for_before_a_withdrawal_shows_the_name_after_it,
            Case("dns-01", "same", "sold and withdrawn before the CA has told", 0, "kept"),
        ),
        (what_was_insisted_on_is_a_proof, Case("prevalidated, any answer", "same", "after", 100, "kept")),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_the_matrix_turns_red_when(stage, monkeypatch, mutant, case):
    sound = stage.play(case)
    assert sound.wrong() + sound.left_valid() == []
    sound.tidy()
    mutant(monkeypatch)
    broken = stage.play(case)
    assert broken.wrong() + broken.left_valid() != []
