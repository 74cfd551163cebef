"""From the payment to the issued certificate, as a customer over HTTP, with a record published as soon as it is shown."""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from runner import demo
from runner.browserless import Customer
from runner.installation import Installation

ROUNDS = 5
LIMIT_SECONDS = 5.0
AFTER_PAYMENT = ("step 1", "step 2", "step 3", "step 4", "the portal sees it")


def once(installation: Installation, number: int, home: Path) -> float:
    """Return the seconds of one walk between payment and certificate, the customer's clicks included."""
    walk = demo.Walk(
        installation, Customer(installation.portal_url), home, email=f"bench{number}@shop.example"
    )
    for part in (demo.sign_up, demo.order, demo.pay, demo.set_up, demo.prove):
        part(walk)
    return sum(taken for title, taken in walk.steps if title.startswith(AFTER_PAYMENT))


def main() -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chancery-bench-")))
        installation = stack.enter_context(Installation(folder / "var", free_ports=True))
        taken = [once(installation, number, folder / "home") for number in range(ROUNDS)]
    median = statistics.median(taken)
    print(
        f"\nPayment to issued: median {median:.2f} s of {ROUNDS} walks, worst {max(taken):.2f} s, limit {LIMIT_SECONDS:.0f} s"
    )
    return 0 if median <= LIMIT_SECONDS else 1
