"""How many misconfigured orders were tried: one line at the end, also when the tests ran in several processes."""

from __future__ import annotations

from typing import Any

TRIED = "misconfigured orders"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    stats = terminalreporter.stats
    tried = {
        kind: sum(
            value for report in stats.get(kind, []) for name, value in report.user_properties if name == TRIED
        )
        for kind in ("passed", "failed")
    }
    if any(tried.values()):
        failed = f", {tried['failed']} more in tables that failed" if tried["failed"] else ""
        terminalreporter.write_line(
            f"misconfigurations: {tried['passed']} orders held up, then issued by the line we told{failed}"
        )
