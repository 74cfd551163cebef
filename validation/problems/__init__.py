"""Findings as data: what we saw, in one sentence, and what to do about it. One line per kind, never an `if`."""

from __future__ import annotations

from validation.problems.caa import CAA
from validation.problems.delegation import DELEGATION
from validation.problems.dns import DNS
from validation.problems.finding import Finding
from validation.problems.general import GENERAL
from validation.problems.http import HTTP
from validation.problems.kinds import Problem, Severity

PROBLEMS: dict[str, Problem] = {**GENERAL, **DNS, **HTTP, **CAA, **DELEGATION}

__all__ = ["PROBLEMS", "Finding", "Problem", "Severity"]
