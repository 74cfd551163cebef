"""One line of the report: ours beside the peer or the limit that was measured in the same run."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field


@dataclass
class Line:
    """`ok` is None where the peer is missing on this machine, so that there is nothing to be compared with."""

    name: str
    ours: str
    peer: str
    ratio: str
    target: str
    ok: bool | None
    spread: str
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        return {True: "ok", False: "MISSED", None: "no peer"}[self.ok]

    def text(self) -> str:
        parts = [self.ours, self.peer, f"ratio {self.ratio}", f"target {self.target}", self.spread]
        return f"{self.name:<11} {self.verdict:<7} " + " · ".join(part for part in parts if part)

    def as_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Line:
        return cls(**json.loads(text))


def spread_of(values: Sequence[float], digits: int = 2) -> str:
    return f"{min(values):.{digits}f} to {max(values):.{digits}f} in {len(values)}"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return each round's ratio: what disturbs a machine disturbs both halves of a round alike."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


median = statistics.median
