"""Nonces in hand: fresh first, each once, none that is old."""

from __future__ import annotations

import threading

from certificates.connectors.rfc8555.nonces import LONGEST_LIFE, NoncePool


def test_it_gives_the_freshest_and_each_once() -> None:
    pool = NoncePool()
    pool.add("first")
    pool.add("second")
    assert [pool.take(), pool.take(), pool.take()] == ["second", "first", None]


def test_it_gives_none_that_is_old() -> None:
    now = [0.0]
    pool = NoncePool(clock=lambda: now[0])
    pool.add("older")
    pool.add("old")
    now[0] = LONGEST_LIFE + 1
    pool.add("young")
    assert [pool.take(), pool.take(), pool.take()] == ["young", None, None]


def test_it_forgets_all_when_told() -> None:
    pool = NoncePool()
    pool.add("suspect")
    pool.clear()
    assert pool.take() is None


def test_it_does_not_grow_without_end() -> None:
    pool = NoncePool()
    for number in range(1000):
        pool.add(str(number))
    taken = []
    while (nonce := pool.take()) is not None:
        taken.append(nonce)
    assert len(taken) == 32
    assert taken[0] == "999"


def test_threads_never_share_a_nonce() -> None:
    pool = NoncePool()
    taken: list[str] = []

    def work(worker: int) -> None:
        for number in range(500):
            pool.add(f"{worker}-{number}")
            nonce = pool.take()
            if nonce is not None:
                taken.append(nonce)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken))
