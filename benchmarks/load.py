"""`python -m benchmarks.load <host:port> <path> <cookie> <seconds>`: asks for one page again and again on one connection.

Spends next to nothing on itself: it shares the cores with what it measures. Prints {"times": [ms ...]} as JSON.
"""

from __future__ import annotations

import json
import socket
import sys
import time


def _answer(connection: socket.socket, kept: bytes) -> tuple[int, bytes]:
    """Return the status and what came after the answer. Raises ConnectionError."""
    data = kept
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    if b"transfer-encoding: chunked" in lines:
        while not body.endswith(b"0\r\n\r\n"):
            body += _more(connection)
        return int(lines[0].split()[1]), b""
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += _more(connection)
    return int(lines[0].split()[1]), body[length:]


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(262144)
    if not data:
        raise ConnectionError
    return data


def main(host: str, path: str, cookie: str, seconds: float) -> None:
    address = (host.partition(":")[0], int(host.partition(":")[2]))
    extra = f"Cookie: {cookie}\r\n" if cookie else ""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n".encode()
    times, kept, end = [], b"", time.monotonic() + seconds
    connection = socket.create_connection(address)
    while time.monotonic() < end:
        started = time.perf_counter()
        try:
            connection.sendall(request)
            status, kept = _answer(connection, kept)
        except ConnectionError:
            connection.close()
            connection, kept = socket.create_connection(address), b""
            continue
        if status != 200:
            raise SystemExit(f"{path} answered {status}")
        times.append((time.perf_counter() - started) * 1000)
    print(json.dumps({"times": times}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
