"""What the suite prints last: a row for each way of trying, and how many were lost, doubled or stuck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.chaos.matrix import WORDS

FEWEST_POINTS = 40
HEAD = ("database", "names", "struck by", "tried", "not reached", *WORDS)


@dataclass
class Tally:
    """One row. `faults` are sentences that begin with lost, doubled or stuck."""

    database: str
    names: str
    struck_by: str
    tried: int = 0
    missed: int = 0
    ended: Counter[str] = field(default_factory=Counter)

    def add(self, faults: Sequence[str], *, tried: int = 1, reached: bool = True) -> None:
        """Count one story, or several of one trial; a fault in none of the three words is counted as stuck."""
        self.tried += tried if reached else 0
        self.missed += 0 if reached else tried
        words = [fault.partition(":")[0] if fault.startswith(WORDS) else "stuck" for fault in faults]
        # One story that has lost in two respects is one that was lost.
        self.ended.update(set(words) if tried == 1 else words)

    @property
    def too_few(self) -> str:
        """Return what is wrong where every point was to be struck and fewer than FEWEST_POINTS were."""
        if self.tried >= FEWEST_POINTS:
            return ""
        struck = f"{self.database}, {self.names} name(s), {self.struck_by}"
        return f"{struck}: only {self.tried} points, at least {FEWEST_POINTS} are wanted"

    @staticmethod
    def table(tallies: Iterable[Tally]) -> str:
        rows = [HEAD]
        for one in tallies:
            numbers = (one.tried, one.missed, *(one.ended[word] for word in WORDS))
            rows.append((one.database, one.names, one.struck_by, *map(str, numbers)))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if place < 3 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )
