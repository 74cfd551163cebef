"""A message wakes the sweepers of the worker that takes it; elsewhere it sweeps by itself."""

from __future__ import annotations

import os
import threading
import time

import pytest

from accounts.models import Letter
from portal import sweeper, tasks
from tests.portal.test_sweeping import letter


def test_a_bell_ends_the_rest_of_each_sleeper():
    bell, ended = sweeper.Bell(2), []

    def sleep() -> None:
        bell.wait(20.0)
        ended.append(time.monotonic())

    threads = [threading.Thread(target=sleep) for _n in range(2)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    bell.ring()
    for thread in threads:
        thread.join(5)
    assert len(ended) == 2
    assert max(ended) - started < 5


def test_a_bell_that_rang_during_the_work_is_heard_before_the_rest():
    bell = sweeper.Bell(1)
    bell.ring()
    started = time.monotonic()
    bell.wait(20.0)
    assert time.monotonic() - started < 5
    bell.wait(0.01)  # and only once


@pytest.mark.django_db
def test_a_process_without_sweepers_sweeps_when_told():
    letter(1)
    assert not sweeper.ring_here()
    tasks.sweep()
    assert Letter.objects.get().sent_at is not None


@pytest.mark.django_db
def test_a_worker_with_sweepers_only_wakes_them(monkeypatch):
    letter(1)
    bell = sweeper.Bell(1)
    monkeypatch.setattr(sweeper, "_here", (os.getpid(), bell))
    tasks.sweep()
    assert Letter.objects.get().sent_at is None
    started = time.monotonic()
    bell.wait(20.0)
    assert time.monotonic() - started < 5


def test_a_child_of_that_worker_has_none(monkeypatch):
    monkeypatch.setattr(sweeper, "_here", (os.getpid() + 1, sweeper.Bell(1)))
    assert not sweeper.ring_here()
