"""How the servers that tests set up end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable, Sequence

SECONDS = 5.0


def end(sockets: Sequence[socket.socket], threads: Iterable[threading.Thread]) -> None:
    """Close what these threads serve, and wait for their end.

    A socket that a thread still waits at keeps its port, which the next test may want; and the next server may get this
    one's descriptors, and must get its questions too.
    """
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(SECONDS)
    for sock in sockets:
        sock.close()
