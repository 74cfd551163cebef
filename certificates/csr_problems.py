"""What can be wrong with a CSR, as something to show beside a form field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """One fault: `slug` for tests and logs, `field` what it is about (csr, key, signature, names, extensions, subject).

    `severity` is "error" where the CSR cannot be used and "warning" where it can.
    """

    slug: str
    field: str
    message: str
    severity: Literal["error", "warning"] = "error"


class UnacceptableCSR(ValueError):
    """A CSR that cannot be used, with every problem found. Never carries the text that was pasted."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return " ".join(problem.message for problem in self.problems)

    @property
    def slugs(self) -> list[str]:
        return [problem.slug for problem in self.problems]
