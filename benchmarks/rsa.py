"""4. RSA-2048 keys made by us, beside the bare loop with RSA keys: the key is what takes the time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import issuing, paid
from benchmarks.line import Line, median, ratios, spread_of
from benchmarks.scale import Scale
from benchmarks.stage import stage

AT_LEAST = 0.65
KIND = "rsa-2048"


def measure(scale: Scale) -> Line:
    count = max(4, scale.orders // 5)
    with stage() as here:
        counted = count_keys(4)
        here.start_workers()
        here.start_beat()
        issuing.warm_up(here)
        rounds = issuing.in_turns(
            scale, lambda: issuing.issue(here, count, key_type=KIND), lambda: here.bare(count, KIND)
        )
    ours = [mine.rate for mine, _theirs in rounds]
    bare = [count / theirs["seconds"] for _mine, theirs in rounds]
    found = ratios(ours, bare)
    exact = counted["made"] == 4 and counted["checked"] == 0
    return Line(
        "rsa",
        f"{median(ours):.1f} certificates/s",
        f"bare RSA loop {median(bare):.1f}/s",
        f"{median(found):.2f}",
        f">= {AT_LEAST}, one key made and none checked a certificate",
        median(found) >= AT_LEAST and exact,
        spread_of(found),
        [
            f"of 4 certificates issued under a counter: {counted['made']} keys made, {counted['checked']} checked"
        ],
    )


def count_keys(count: int) -> Counter[str]:
    """Issue in this very process and count every RSA key that is made, and every one that is loaded with its check."""
    import time

    from certificates.models import AcmeOrder, Issuance
    from portal import sweeping

    with counting_keys() as counted:
        wanted = [row.pk for row in paid.request_all(paid.plans(count, key_type=KIND))]
        mine = Issuance.objects.filter(pk__in=wanted)
        end = time.monotonic() + 60
        while AcmeOrder.objects.filter(due_at__isnull=False, issuance__in=mine).exists():
            sweeping.sweep()
            time.sleep(0.02)
            if time.monotonic() > end:
                raise RuntimeError("the orders are not done")
    return counted


@contextmanager
def counting_keys() -> Iterator[Counter[str]]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    counted: Counter[str] = Counter()
    made = rsa.generate_private_key
    loads: dict[str, Any] = {}

    def make(*args: Any, **kwargs: Any) -> Any:
        counted["made"] += 1
        return made(*args, **kwargs)

    def counted_load(name: str) -> Any:
        def load(*args: Any, **kwargs: Any) -> Any:
            key = loads[name](*args, **kwargs)
            if isinstance(key, rsa.RSAPrivateKey) and not kwargs.get("unsafe_skip_rsa_key_validation"):
                counted["checked"] += 1
            return key

        return load

    names = ("load_pem_private_key", "load_der_private_key")
    loads.update({name: getattr(serialization, name) for name in names})
    rsa.generate_private_key = make
    for name in names:
        setattr(serialization, name, counted_load(name))
    try:
        yield counted
    finally:
        rsa.generate_private_key = made
        for name in names:
            setattr(serialization, name, loads[name])
