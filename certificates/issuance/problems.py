"""Problems as stored in rows: the CA's own words beside ours, as plain JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from certificates.connectors.problems import Problem, Subproblem


def as_json(problem: Problem, now: datetime) -> dict[str, Any]:
    """Return what the CA said. Its text is cleaned already, and still only ever shown escaped."""
    return {
        "type": problem.typ,
        "detail": problem.detail,
        "status": problem.status,
        "subproblems": [
            {"type": sub.typ, "detail": sub.detail, "identifier": sub.identifier}
            for sub in problem.subproblems
        ],
        "instance": problem.instance,
        "at": now.isoformat(),
    }


def ours(slug: str, detail: str, now: datetime) -> dict[str, Any]:
    """Return a problem that we found ourselves."""
    return {
        "type": f"chancery:{slug}",
        "detail": detail,
        "status": 0,
        "subproblems": [],
        "instance": None,
        "at": now.isoformat(),
    }


def stored(problem: dict[str, Any]) -> Problem:
    """Return the problem that `as_json` wrote, as far as it says who must act."""
    return Problem(
        typ=str(problem["type"]),
        detail=str(problem["detail"]),
        status=int(problem["status"]),
        subproblems=tuple(
            Subproblem(str(sub["type"]), str(sub["detail"]), str(sub["identifier"]))
            for sub in problem["subproblems"]
        ),
        instance=problem["instance"],
    )
