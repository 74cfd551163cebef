"""Anti-replay nonces in hand (RFC 8555 §6.5): the freshest first, none that is old."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

# CAs let nonces lapse after minutes to hours; one that waited longer than this is likelier to cost a round trip.
LONGEST_LIFE = 120.0
_MOST = 32


class NoncePool:
    """The nonces that answers brought, shared by the threads of one process; each is given out once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._nonces: deque[tuple[float, str]] = deque(maxlen=_MOST)

    def add(self, nonce: str) -> None:
        with self._lock:
            self._nonces.append((self._clock(), nonce))

    def take(self) -> str | None:
        """The freshest nonce, None if there is none young enough."""
        with self._lock:
            if self._nonces:
                since, nonce = self._nonces.pop()
                if self._clock() - since <= LONGEST_LIFE:
                    return nonce
                self._nonces.clear()
            return None

    def clear(self) -> None:
        """Forget all: one refused nonce makes the others suspect."""
        with self._lock:
            self._nonces.clear()
