"""The row is the queue: one worker per row, and a worker that was too slow writes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction

from accounts.models import Letter
from leases import LEASE, LeaseLost
from tests.conftest import NOW

pytestmark = pytest.mark.django_db


def letter(n: int = 0, due=NOW) -> Letter:
    return Letter.objects.create(
        to="alice@example.org",
        occasion=f"test:{n}",
        kind="test",
        subject="s",
        body="b",
        created_at=NOW,
        due_at=due,
    )


def test_a_due_row_is_claimed_once():
    row = letter()
    assert Letter.objects.claim(row.pk, NOW) is not None
    assert Letter.objects.claim(row.pk, NOW) is None
    assert Letter.objects.claim_next(NOW) is None


def test_a_row_that_is_not_due_is_left_alone():
    letter(due=NOW + timedelta(seconds=1))
    assert Letter.objects.claim_next(NOW) is None


def test_a_row_whose_story_is_over_is_never_due():
    row = letter(due=None)
    assert Letter.objects.claim_next(NOW) is None
    assert Letter.objects.filter(pk=row.pk).wake(NOW) == 0


def test_the_longest_waiting_row_comes_first():
    letter(1, NOW - timedelta(minutes=1))
    oldest = letter(2, NOW - timedelta(minutes=2))
    assert Letter.objects.claim_next(NOW).pk == oldest.pk


def test_a_dead_workers_lease_lapses_by_itself():
    row = letter()
    first = Letter.objects.claim(row.pk, NOW)
    second = Letter.objects.claim(row.pk, NOW + LEASE + timedelta(seconds=1))
    assert second is not None
    assert second.epoch == first.epoch + 1


def test_a_zombie_cannot_write_after_another_worker_took_over():
    row = letter()
    zombie = Letter.objects.claim(row.pk, NOW)
    later = NOW + LEASE + timedelta(seconds=1)
    Letter.objects.claim(row.pk, later)
    for forbidden in (
        lambda: zombie.write(problem="late"),
        lambda: zombie.let_go(None, sent_at=later),
        lambda: zombie.renew_lease(later),
    ):
        with pytest.raises(LeaseLost):
            forbidden()
    row.refresh_from_db()
    assert row.sent_at is None
    assert row.problem == ""
    assert row.due_at == NOW


def test_letting_go_says_when_to_look_again():
    row = Letter.objects.claim(letter().pk, NOW)
    row.let_go(NOW + timedelta(hours=1), tries=1)
    row.refresh_from_db()
    assert row.lease_until is None
    assert row.due_at == NOW + timedelta(hours=1)
    assert row.tries == 1


def test_waking_moves_only_rows_that_wait():
    waiting, due = letter(1, NOW + timedelta(hours=1)), letter(2, NOW - timedelta(minutes=5))
    assert Letter.objects.all().wake(NOW) == 1
    waiting.refresh_from_db()
    due.refresh_from_db()
    assert waiting.due_at == NOW
    assert due.due_at == NOW - timedelta(minutes=5)


def test_what_is_kept_is_written_with_the_next_write(django_assert_num_queries):
    row = Letter.objects.claim(letter().pk, NOW)
    with django_assert_num_queries(0):
        row.keep(problem="refused", tries=1)
        row.keep(tries=2)
    assert (row.problem, row.tries) == ("refused", 2)
    assert Letter.objects.get().problem == ""
    with django_assert_num_queries(1):
        row.let_go(None, tries=3)
    row.refresh_from_db()
    assert (row.problem, row.tries, row.due_at) == ("refused", 3, None)


def test_what_is_kept_can_be_written_at_once_and_is_not_written_twice(
    transactional_db, django_assert_num_queries
):
    row = Letter.objects.claim(letter().pk, NOW)
    row.keep(problem="refused")
    with django_assert_num_queries(1):
        row.flush()
        row.flush()
    Letter.objects.filter(pk=row.pk).update(problem="changed by another")
    row.renew_lease(NOW)
    row.refresh_from_db()
    assert row.problem == "changed by another"


def test_a_failed_transaction_leaves_what_is_kept_to_the_next_write(transactional_db):
    row = Letter.objects.claim(letter().pk, NOW)
    row.keep(problem="refused")
    with transaction.atomic():
        row.write(tries=1)
        transaction.set_rollback(True)
    assert Letter.objects.get().problem == ""
    row.renew_lease(NOW)
    assert Letter.objects.get().problem == "refused"


def test_what_is_kept_is_lost_with_the_claim():
    row = Letter.objects.claim(letter().pk, NOW)
    row.keep(problem="late")
    later = NOW + LEASE + timedelta(seconds=1)
    Letter.objects.claim(row.pk, later)
    with pytest.raises(LeaseLost):
        row.flush()
    assert Letter.objects.get().problem == ""
