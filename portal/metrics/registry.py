"""Where the figures of this process are kept, and how those of several processes become one page."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# When a series began is told by Prometheus itself.
disable_created_metrics()

# Our own, not the library's global one: that one also tells about Python's garbage.
OURS = CollectorRegistry(auto_describe=True)

CALLS = Counter(
    "chancery_outbound_calls", "Requests that left the house, by how they ended.", ["kind", "verb", "peer", "outcome"],
    registry=OURS,
)  # fmt: skip
CALL_SECONDS = Histogram(
    "chancery_outbound_call_seconds", "How long requests that left the house took.", ["kind", "verb", "peer"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20), registry=OURS,
)  # fmt: skip
WORKED = Counter(
    "chancery_rows_worked", "Rows that were claimed and worked, by what came of it.", ["queue", "outcome"],
    registry=OURS,
)  # fmt: skip
WORK_SECONDS = Histogram(
    "chancery_row_seconds", "How long one claim of a row lasted.", ["queue"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90), registry=OURS,
)  # fmt: skip
REQUESTS = Counter(
    "chancery_http_requests", "Requests of browsers, gateways and machines.", ["route", "method", "status"],
    registry=OURS,
)  # fmt: skip
REQUEST_SECONDS = Histogram(
    "chancery_http_request_seconds", "How long they waited for their answers.", ["method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10), registry=OURS,
)  # fmt: skip


def page(*more: Collector) -> CollectorRegistry:
    """Return a registry of the figures of all processes that share PROMETHEUS_MULTIPROC_DIR, else of this one; and `more`."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)
    else:
        registry.register(OURS)
    for collector in more:
        registry.register(collector)
    return registry
