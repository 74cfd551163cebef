"""A ring wakes one sweeper, a row that falls due wakes one, and nobody oversleeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from portal.bell import Bell

# Nobody who is called rests as long as this, and nobody who is not rises before.
SOON, LONG = 30.0, 120.0


class Sleepers:
    """Threads that rest once; `ended` holds when each has risen."""

    def __init__(self, bell: Bell) -> None:
        self.bell = bell
        self.ended: list[float] = []
        self.threads: list[threading.Thread] = []

    def add(self, seconds: float, count: int = 1) -> None:
        for _n in range(count):
            thread = threading.Thread(target=self._rest, args=(seconds,))
            self.threads.append(thread)
            thread.start()
        time.sleep(0.1)

    def _rest(self, seconds: float) -> None:
        self.bell.rest(seconds)
        self.ended.append(time.monotonic())

    def risen(self, count: int) -> int:
        end = time.monotonic() + SOON
        while len(self.ended) < count and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.1)
        return len(self.ended)


@pytest.fixture
def bell() -> Bell:
    return Bell(LONG)


@pytest.fixture
def sleepers(bell) -> Iterator[Sleepers]:
    all_of_them = Sleepers(bell)
    yield all_of_them
    bell.end()
    for thread in all_of_them.threads:
        thread.join(SOON)


def test_a_ring_wakes_one_and_the_next_ring_another(bell, sleepers):
    sleepers.add(LONG, 3)
    bell.ring()
    assert sleepers.risen(1) == 1
    bell.ring()
    assert sleepers.risen(2) == 2


def test_the_end_wakes_all_and_nobody_rests_after_it(bell, sleepers):
    sleepers.add(LONG, 3)
    bell.end()
    assert sleepers.risen(3) == 3
    started = time.monotonic()
    bell.rest(LONG)
    assert time.monotonic() - started < SOON


def test_a_ring_during_the_work_is_heard_before_the_rest_and_only_once(bell):
    bell.ring()
    bell.ring()
    started = time.monotonic()
    bell.rest(LONG)
    assert time.monotonic() - started < SOON
    bell.rest(0.05)
    assert time.monotonic() - started >= 0.05


def test_another_is_called_only_from_its_rest(bell, sleepers):
    bell.call_another()
    started = time.monotonic()
    bell.rest(0.1)
    assert time.monotonic() - started >= 0.1
    sleepers.add(LONG)
    bell.call_another()
    assert sleepers.risen(1) == 1


def test_when_something_falls_due_one_goes_to_look_and_the_others_rest_on(bell, sleepers):
    sleepers.add(0.3, 3)
    assert sleepers.risen(1) == 1


def test_who_rests_already_goes_by_what_is_planned_later(bell, sleepers):
    sleepers.add(LONG, 2)
    bell.plan(0.1)
    assert sleepers.risen(1) == 1


def test_a_later_plan_does_not_put_off_a_sooner_one(bell, sleepers):
    sleepers.add(0.4)
    bell.plan(LONG)
    sleepers.add(LONG)
    assert sleepers.risen(1) == 1
