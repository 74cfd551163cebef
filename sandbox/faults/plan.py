"""Which request is spoilt: rules as data, chance from a seed, and a count of what was done."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.faults.exchange import Ca, Reply, Request

Misdeed = Callable[[Request, Ca], Reply]


@dataclass(frozen=True)
class Rule:
    """One fault. It strikes the given `share` of the requests of these `kinds`, at most `times`, after the first `after`.

    With `clings` it stays with the order it struck first: `times` then counts orders, `begins` says with which
    requests it may take hold of one (default: any of `kinds`), and `each` how many requests of one order are spoilt.
    """

    name: str
    misdeed: Misdeed
    kinds: frozenset[str]
    share: float = 1.0
    times: int | None = 1
    after: int = 0
    clings: bool = False
    begins: frozenset[str] = frozenset()
    each: int | None = None


@dataclass
class Plan:
    """Rules in order; the first that strikes has the request. Safe to use from several threads."""

    rules: list[Rule] = field(default_factory=list)
    seed: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - chance that can be repeated, nothing secret
        self._lock = threading.Lock()
        self._met: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._held: dict[int, Counter[str]] = {number: Counter() for number in range(len(self.rules))}

    def rule_for(self, request: Request) -> Rule | None:
        """The rule that spoils this request, None when it passes."""
        with self._lock:
            for number, rule in enumerate(self.rules):
                if request.kind in rule.kinds and self._strikes(number, rule, request):
                    return rule
        return None

    def count(self, name: str) -> int:
        """How many requests the rule of this name has spoilt."""
        with self._lock:
            return sum(
                self._held[number].total() if rule.clings else self._struck[number]
                for number, rule in enumerate(self.rules)
                if rule.name == name
            )

    def _strikes(self, number: int, rule: Rule, request: Request) -> bool:
        if not rule.clings:
            return self._begins(number, rule)
        held = self._held[number]
        if not request.subject:
            return False
        if request.subject not in held:
            begins = request.kind in (rule.begins or rule.kinds)
            if not begins or not self._begins(number, rule):
                return False
        if rule.each is not None and held[request.subject] >= rule.each:
            return False
        held[request.subject] += 1
        return True

    def _begins(self, number: int, rule: Rule) -> bool:
        self._met[number] += 1
        spent = rule.times is not None and self._struck[number] >= rule.times
        if spent or self._met[number] <= rule.after or self._chance.random() >= rule.share:
            return False
        self._struck[number] += 1
        return True
