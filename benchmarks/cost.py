"""What running processes cost: CPU seconds and memory, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def family(pids: Iterable[int]) -> list[int]:
    """Return these processes and all that they have started."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found, waiting = [], list(pids)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += parents.get(pid, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU of these processes, their living children, and the children that have ended."""
    total = 0
    for pid in family(pids):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(fields[n]) for n in (11, 12, 13, 14))
    return total / _TICK


def memory(pids: Iterable[int]) -> tuple[float, float]:
    """Return (PSS, RSS) in MB over the whole family: PSS counts a page that n processes share as 1/n each."""
    pss = rss = 0
    for pid in family(pids):
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            word, _, rest = line.partition(":")
            if word == "Pss":
                pss += int(rest.split()[0])
            elif word == "Rss":
                rss += int(rest.split()[0])
    return pss / 1024, rss / 1024
