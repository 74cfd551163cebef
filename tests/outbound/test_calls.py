"""The door: who watches it sees every call twice, and what goes wrong is never hidden by watching."""

from __future__ import annotations

import threading

import pytest

from outbound import call, counting, unwatch, watch


@pytest.fixture
def seen():
    told = []

    def watcher(moment, this):
        told.append((moment, this.name, this.peer, this.outcome))

    watch(watcher)
    watch(watcher)
    yield told
    unwatch(watcher)


def test_a_watcher_is_told_before_and_after_each_call_once(seen):
    with call("ca", "newOrder", "ca.example") as this:
        assert seen == [("before", "ca.newOrder", "ca.example", "")]
        this.outcome = "201"
    assert seen[1:] == [("after", "ca.newOrder", "ca.example", "201")]
    assert this.seconds > 0


def test_a_call_that_says_nothing_ended_well_and_one_that_raises_says_how(seen):
    with call("dns", "TXT"):
        pass
    with pytest.raises(TimeoutError), call("dns", "TXT"):
        raise TimeoutError
    assert [outcome for moment, _n, _p, outcome in seen if moment == "after"] == ["ok", "TimeoutError"]


def test_calls_are_counted_by_name_for_the_one_who_makes_them():
    def elsewhere():
        with call("ca", "newOrder"):
            pass

    with counting() as outer, call("ca", "newNonce"):
        with counting() as inner, call("ca", "newOrder"):
            pass
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert inner == {"ca.newOrder": 1}
    assert outer == {"ca.newNonce": 1, "ca.newOrder": 1}


def test_who_has_left_the_door_is_told_nothing(seen):
    def other(moment, this):
        raise AssertionError

    watch(other)
    unwatch(other)
    with call("mail", "send"):
        pass
    assert len(seen) == 2
