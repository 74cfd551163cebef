"""What one look found: plain data, said in the words of its kind.

Texts are templates over a finding's facts. `expected`, `seen` and `repair` may stand in any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from validation.problems.kinds import Problem, Text

_LONGEST_SHOWN = 500


@dataclass(frozen=True)
class Finding:
    """What one look found. Everything in it is plain data, cleaned of what a stranger's server could put there.

    `repair` is the exact line to publish, empty where publishing is not the cure; `remove` names the records that must
    be gone for it, as `name. TYPE`, followed by a value where only that one is meant.
    """

    slug: str
    in_place: bool
    expected: str = ""
    seen: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    repair: str = ""
    remove: tuple[str, ...] = ()

    @property
    def problem(self) -> Problem:
        return _known()[self.slug]

    @property
    def severity(self) -> str:
        return self.problem.severity.value

    @property
    def until(self) -> datetime | None:
        """Until when servers elsewhere may go on saying that there is nothing (RFC 2308), None where unknown."""
        try:
            return datetime.fromisoformat(str(self.facts["negative_until"]))
        except (KeyError, ValueError):
            return None

    @property
    def trace(self) -> list[str]:
        """Step by step what was asked and answered: redirects, or servers; empty where one answer says it all."""
        hops = self.facts.get("hops") or []
        if len(hops) > 1:
            return [f"{hop['url']} → {hop['status'] or '–'} ({hop['address'] or '–'})" for hop in hops]
        answers = self.facts.get("answers") or []
        if len(answers) > 1:
            return [
                f"{told['server']}: {', '.join(told['values']) or told['rcode']}"[:_LONGEST_SHOWN]
                for told in answers
            ]
        return []

    @property
    def title(self) -> str:
        return self._filled(self.problem.title)

    @property
    def advice(self) -> str:
        return self._filled(self.problem.advice)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "seen": self.seen[:_LONGEST_SHOWN], "facts": dict(self.facts)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self | None:
        """The finding as `as_json` stored it; None for an empty one and for a slug of another release."""
        if stored.get("slug") not in _known():
            return None
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        return cls(**known | {"remove": tuple(stored.get("remove", ()))})

    def _filled(self, template: Text) -> str:
        return str(template) % _Blanks(
            {
                **self.facts,
                "expected": self.expected,
                "seen": self.seen,
                "repair": self.repair,
                "until": f"{self.until:%H:%M} UTC" if self.until else "–",
            }
        )


class _Blanks(dict[str, Any]):
    """A fact an older row did not store reads as a dash instead of breaking the page."""

    def __missing__(self, key: str) -> str:
        return "–"


def _known() -> dict[str, Problem]:
    from validation.problems import PROBLEMS

    return PROBLEMS
