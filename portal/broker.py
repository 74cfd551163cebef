"""Celery's messages as files, for the embedded default: kombu's transport, but nobody reads one that is half written.

kombu makes the file first and writes it then. Who looks in between takes it away, finds it empty, and the error ends the
worker: for a doorbell that may be missed (design §4), and a worker that may not.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from queue import Empty
from typing import Any, TypeVar

from kombu.transport import filesystem
from kombu.utils.json import dumps

Found = TypeVar("Found")

TRIES = 50
PAUSE = 0.02


class Channel(filesystem.Channel):
    # kombu's own two levels disagree about the second name.
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Put a whole message where it is looked for, under a name that sorts by its time.

        kombu's own name begins with the milliseconds since the machine started, which do not sort as text: one more digit
        comes before fewer, and after a restart the new before the old. The clock's have nineteen digits until 2286.
        """
        folder, number = Path(self.data_folder_out), uuid.uuid4()
        part = folder / f".{number}.part"
        part.write_bytes(dumps(payload).encode())
        os.replace(part, folder / f"{time.time_ns()}_{number}.{queue}.msg")

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Raises Empty; a message that cannot be read (one that a power cut left behind) is missed like a lost one."""
        try:
            return super()._get(queue)
        except ValueError:
            raise Empty from None

    def get_table(self, exchange: str) -> Any:
        return _when_whole(lambda: super(Channel, self).get_table(exchange))

    def _queue_bind(self, *args: Any) -> None:
        _when_whole(lambda: super(Channel, self)._queue_bind(*args))


def _when_whole(read: Callable[[], Found]) -> Found:
    """Read a table of queues that another process may be writing this moment, which takes no time to speak of."""
    for _try in range(TRIES):
        try:
            return read()
        except ValueError:
            time.sleep(PAUSE)
    return read()


class Transport(filesystem.Transport):
    Channel = Channel
