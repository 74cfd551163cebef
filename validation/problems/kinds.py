"""What a kind of finding is: how grave, what is so, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise

Text = str | Promise


class Severity(StrEnum):
    OK = "ok"
    WAITING = "waiting"  # nothing is wrong, something is still to be done or seen
    WARNING = "warning"  # probably not the customer's doing, or harmless today
    ERROR = "error"  # it cannot work like this


OK, WAITING, WARNING, ERROR = Severity.OK, Severity.WAITING, Severity.WARNING, Severity.ERROR


@dataclass(frozen=True)
class Problem:
    """A kind of finding. `title` says what is so, `advice` what to do; both are templates."""

    severity: Severity
    title: Text
    advice: Text
