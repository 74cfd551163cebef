"""3. What one certificate costs: CPU of our processes beside the bare loop's, and requests to the CA."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks import issuing
from benchmarks.line import Line, median, ratios, spread_of
from benchmarks.scale import Scale
from benchmarks.stage import Stage, stage

CPU_AT_MOST = 2.2
REQUESTS_AT_MOST = 8
NONCES_AT_MOST = 0.05
MANY = 5


def measure(scale: Scale) -> Line:
    count = max(4, scale.orders * 2 // 5)
    with stage() as here:
        here.start_workers()
        here.start_beat()
        issuing.warm_up(here)
        many = issuing.issue(here, max(2, count // 10), names=MANY)
        nonces = _nonces(here)
        rounds = issuing.in_turns(scale, lambda: issuing.issue(here, count), lambda: here.bare(count))
        per_certificate = (_nonces(here) - nonces) / (count * len(rounds))
    ours = [mine.cpu_ms for mine, _theirs in rounds]
    bare = [theirs["cpu"] * 1000 / count for _mine, theirs in rounds]
    one = median([mine.requests / count for mine, _theirs in rounds])
    found, several = ratios(ours, bare), many.requests / many.count
    fine = one <= REQUESTS_AT_MOST and per_certificate <= NONCES_AT_MOST and several <= 5 + 3 * MANY + 1
    return Line(
        "economy",
        f"{median(ours):.1f} ms of CPU, {one:.2f} requests, {per_certificate:.3f} newNonce a certificate",
        f"bare loop {median(bare):.1f} ms; floor 7 requests",
        f"{median(found):.2f}",
        f"<= {CPU_AT_MOST}, <= {REQUESTS_AT_MOST} requests, <= {NONCES_AT_MOST} newNonce",
        fine and median(found) <= CPU_AT_MOST,
        spread_of(found),
        [
            f"{MANY} names: {several:.1f} requests, where 5 + 2n = {5 + 2 * MANY} and each authorization is handed back "
            "by one more: on an account that customers share none may be inherited (design rule 1)"
        ],
    )


def _nonces(here: Stage) -> int:
    """Count what the workers' logs say of newNonce."""
    logs = Path(here.processes.log_dir).glob("worker*.log")
    return sum(len(re.findall(r"ca\.newNonce", path.read_text(errors="replace"))) for path in logs)
