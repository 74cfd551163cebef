"""A message wakes a sweeper of the worker that takes it; elsewhere it sweeps by itself."""

from __future__ import annotations

import gc
import os
import threading
import time
from datetime import timedelta

import pytest
import time_machine

from accounts.models import Letter
from portal import sweeper, tasks
from portal.bell import Bell
from portal.listing import Lists
from tests.conftest import NOW
from tests.portal.test_sweeping import letter


@pytest.mark.django_db
def test_a_process_without_sweepers_sweeps_when_told():
    letter(1)
    assert not sweeper.ring_here()
    tasks.sweep()
    assert Letter.objects.get().sent_at is not None


@pytest.mark.django_db
def test_a_worker_with_sweepers_only_wakes_one(monkeypatch):
    letter(1)
    bell = Bell(5.0)
    monkeypatch.setattr(sweeper, "_here", (os.getpid(), bell))
    tasks.sweep()
    assert Letter.objects.get().sent_at is None
    started = time.monotonic()
    bell.rest(120.0)
    assert time.monotonic() - started < 60


def test_a_child_of_that_worker_has_none(monkeypatch):
    monkeypatch.setattr(sweeper, "_here", (os.getpid() + 1, Bell(5.0)))
    assert not sweeper.ring_here()


def test_what_was_imported_is_no_reason_to_leave_rubbish_lying():
    sweeper.set_aside()
    try:
        assert gc.get_freeze_count() > 100_000
        assert len(gc.get_objects()) < gc.get_freeze_count() / 10
    finally:
        gc.unfreeze()


def test_the_rest_lasts_until_the_next_row_falls_due(settings):
    settings.SWEEP_SECONDS = 5
    lists = Lists({"letters": (Letter.objects, None)})
    assert sweeper.rest_seconds(lists) == 5.0
    with time_machine.travel(NOW, tick=False):
        lists.next_due = NOW + timedelta(seconds=2)
        assert sweeper.rest_seconds(lists) == 2.0
        lists.next_due = NOW - timedelta(seconds=2)
        assert sweeper.rest_seconds(lists) == sweeper.SHORTEST_REST


def test_one_thread_of_a_process_tidies_and_again_after_a_while(monkeypatch):
    step, said = sweeper.Sweeper(None), []
    threads = [threading.Thread(target=lambda: said.append(step.is_time_to_tidy())) for _n in range(8)]
    assert not step.is_time_to_tidy(), "a worker that has just begun"
    monkeypatch.setattr(sweeper, "TIDY_SECONDS", 0.5)
    time.sleep(0.6)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count(True) == 1
    time.sleep(0.6)
    assert step.is_time_to_tidy()


def test_who_takes_a_row_calls_another_where_there_are_more(settings):
    step = sweeper.Sweeper(None)
    step.bell, called = Bell(5.0), []
    step.bell.call_another = lambda: called.append("another")
    step.bell.plan = lambda seconds: called.append("later")
    lists = Lists({"letters": (Letter.objects, None)})
    step.call_another(lists)
    lists._keys["letters"].append((1, None))
    step.call_another(lists)
    assert called == ["later", "another"]
