"""Names that their owners' CAA records close to a CA, asked several at a time (RFC 8659)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from identifiers.names import Name
from validation import caa

AT_ONCE = 8


def closed(names: Sequence[Name], issuers: Sequence[str]) -> list[caa.CaaReport]:
    """Return the reports of the closed names. A lookup that fails closes nothing: the CA looks too. No issuer names, no question."""
    # CAA speaks of domain names only (RFC 8659 §3).
    asked = [name for name in names if not name.is_ip] if issuers else []
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        reports = list(pool.map(lambda name: caa.permits(name.ascii, name.wildcard, issuers), asked))
    return [report for report in reports if not report.allowed]
