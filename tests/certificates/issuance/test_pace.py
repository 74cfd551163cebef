"""A quick CA is soon not waited for, a slow one soon asked once; a burst teaches no more than one order."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from certificates.issuance import pace
from certificates.issuance.pace import ANSWERED, FINALIZED

CA = "https://ca.example/directory"


def ms(milliseconds: float) -> timedelta:
    return timedelta(milliseconds=milliseconds)


@pytest.fixture(autouse=True)
def _nothing_learned():
    pace.forget()
    yield
    pace.forget()


def issue_at(takes: timedelta, kind: pace.Kind) -> int:
    """Look as the engine does at a CA that takes so long; return how many looks it took."""
    waited, looks = pace.wait(CA, kind), 1
    pace.looked(CA, kind, done=waited >= takes, first=True, waited=waited)
    while waited < takes:
        waited += [ms(250), ms(500), ms(1000), ms(2000)][min(looks - 1, 3)]
        looks += 1
        pace.looked(CA, kind, done=waited >= takes, first=False, waited=waited)
    return looks


def test_it_begins_with_what_is_known_to_be_safe():
    assert pace.wait(CA, ANSWERED) == ms(50)
    assert pace.wait(CA, FINALIZED) == ms(200)


def test_a_quick_ca_is_waited_for_ever_less_but_never_not_at_all():
    for _n in range(60):
        assert issue_at(ms(1), ANSWERED) == issue_at(ms(1), FINALIZED) == 1
    assert pace.wait(CA, ANSWERED) == ms(10)
    assert pace.wait(CA, FINALIZED) == ms(50)


def test_a_ca_that_never_was_asked_too_soon_is_known_to_be_quick_after_a_few_certificates():
    for _n in range(5):
        assert issue_at(ms(1), FINALIZED) == 1
    assert pace.wait(CA, FINALIZED) == ms(50)


def test_once_asked_too_soon_it_is_approached_in_small_steps():
    while issue_at(ms(60), FINALIZED) == 1:
        pass
    before = pace.wait(CA, FINALIZED)
    assert issue_at(ms(60), FINALIZED) == 1
    assert pace.wait(CA, FINALIZED) == before * 0.95


@pytest.mark.parametrize("kind", [ANSWERED, FINALIZED])
def test_a_ca_that_takes_two_seconds_is_asked_once_and_hardly_later(kind):
    for _n in range(12):
        issue_at(ms(2000), kind)
    looks = [issue_at(ms(2000), kind) for _n in range(100)]
    assert sum(looks) / len(looks) < 1.4
    assert ms(1800) < pace.wait(CA, kind) < ms(2700)


def test_it_stays_within_bounds():
    for _n in range(20):
        issue_at(ms(60_000), ANSWERED)
        issue_at(ms(60_000), FINALIZED)
    assert pace.wait(CA, ANSWERED) == ms(3000)
    assert pace.wait(CA, FINALIZED) == ms(5000)


def test_many_orders_that_waited_alike_teach_no_more_than_one():
    for _n in range(200):
        pace.looked(CA, ANSWERED, done=False, first=True, waited=ms(50))
    assert pace.wait(CA, ANSWERED) == ms(100)
    for _n in range(200):
        pace.looked(CA, ANSWERED, done=True, first=True, waited=ms(100))
    assert pace.wait(CA, ANSWERED) == ms(95)


def test_each_ca_is_known_by_itself():
    pace.looked(CA, ANSWERED, done=False, first=True, waited=ms(500))
    assert pace.wait("https://other.example/", ANSWERED) == ms(50)
    assert pace.wait(CA, FINALIZED) == ms(200)


def test_it_forgets_rather_than_grows(monkeypatch):
    monkeypatch.setattr(pace, "MOST", 5)
    for n in range(50):
        pace.looked(f"{CA}/{n}", ANSWERED, done=True, first=True, waited=ms(50))
    assert len(pace._learned) <= 5


def test_threads_may_learn_at_once():
    threads = [threading.Thread(target=issue_at, args=(ms(40), ANSWERED)) for _n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ms(10) <= pace.wait(CA, ANSWERED) <= ms(3000)
