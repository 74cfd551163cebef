"""Two people press at once: one answer counts, and the ledger follows it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from identifiers.names import Name
from tests.conftest import NOW
from tests.factories import UserFactory
from tests.orders.conftest import file_database
from validation.approval import answering, asking
from validation.models import Approval, Control

__all__ = ["file_database"]

WORDS = ("approved", "rejected", "approved", "reported")


@pytest.mark.usefixtures("file_database")
def test_of_several_answers_at_once_one_counts():
    row = asking.ask(
        UserFactory(), [Name("shop.example")], recipient="admin@shop.example", domain="shop.example",
        mode="prevalidated", plan_id=None, asker=("Alice", "alice@example.org"), now=NOW,
    )  # fmt: skip
    barrier = Barrier(len(WORDS))

    def press(word):
        try:
            mine = Approval.objects.get(pk=row.pk)
            barrier.wait(10)
            answering.answer(mine, word, NOW, None)
        except answering.TooLate:
            return "late"
        finally:
            connections.close_all()
        return word

    with ThreadPoolExecutor(len(WORDS)) as pool:
        told = list(pool.map(press, WORDS))
    row.refresh_from_db()
    assert [word for word in told if word != "late"] == [row.answer]
    assert Control.objects.exists() == (row.answer == "approved")
