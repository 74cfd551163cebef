"""7. Overview, order list and admin list with a million certificates, beside a bare Django hello in the same gunicorn."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks import issuing, multiply
from benchmarks.fill import session_of
from benchmarks.line import Line, median, ratios, spread_of
from benchmarks.scale import Scale
from benchmarks.stage import stage
from benchmarks.twin import Twin
from runner.installation import ROOT

FEW = 1_000
QUERIES_AT_MOST = 10
GROWTH_AT_MOST = 1.2
AT_LEAST = 0.08
CONNECTIONS = 4
EACH = 20
# After so many runs PostgreSQL has settled how it runs a prepared statement.
SETTLED = 8


class Site:
    """Who looks at which page."""

    def __init__(self, certificate: Any, owner: Any) -> None:
        from accounts.models import User

        self.customer = _cookies(owner)
        self.staff = _cookies(User.objects.get(email="admin@portal.example"))
        self.pages = {
            "overview": (f"/certificates/{certificate.plan_id}/", self.customer),
            "orders": ("/orders/", self.customer),
            "admin list": ("/admin/certificates/certificate/", self.staff),
        }


def _cookies(user: Any) -> str:
    """Return what a browser sends from its second page on."""
    from django.utils.crypto import get_random_string

    return f"sessionid={session_of(user)}; csrftoken={get_random_string(32)}"


def measure(scale: Scale) -> Line:
    few = min(FEW, scale.rows // 2)
    with stage() as here:
        here.start_workers(1)
        issuing.issue(here, 1)
        here.processes.stop()
        certificate, owner = _sample(few)
        site = Site(certificate, owner)
        queries = {few: _queries(site)}
        twin = Twin("few")
        _pid, ours = here.start_web()
        _pid, hello = here.start_web("benchmarks.hello")
        here.wait(lambda: _up(ours) and _up(hello), 30)
        multiply.multiply(certificate_of_template(), few, scale.rows)
        rates: dict[str, list[float]] = {"overview": [], "hello": []}
        path, cookie = site.pages["overview"]
        _rate(ours, path, cookie, 2.0)
        for _round in range(scale.rounds):
            rates["hello"].append(_rate(hello, "/", "", 2.0)[0])
            rates["overview"].append(_rate(ours, path, cookie, 2.0)[0])
        p95 = _rate(ours, path, cookie, 2.0)[1]
        queries[scale.rows] = _queries(site)
        times: dict[int, list[dict[str, float]]] = {few: [], scale.rows: []}
        for _round in range(scale.rounds):
            with twin.instead():
                times[few].append(_times(site))
            times[scale.rows].append(_times(site))
    return _line(scale, few, rates, p95, queries, times)


def certificate_of_template() -> Any:
    from certificates.models import Certificate

    return Certificate.objects.order_by("-issued_at").first()


def _sample(few: int) -> tuple[Any, Any]:
    from certificates.models import Certificate
    from orders.models import OrderName

    template = certificate_of_template()
    OrderName.objects.get_or_create(item=template.plan.item, ascii=template.names[0])
    multiply.multiply(template, 0, few)
    sample = Certificate.objects.get(serial=f"b{few // 2}")
    return sample, sample.owner


def _client(cookie: str) -> Any:
    from django.test import Client

    client = Client()
    client.cookies.load(cookie)
    return client


def _queries(site: Site) -> dict[str, int]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counted = {}
    for title, (path, cookie) in site.pages.items():
        client = _client(cookie)
        client.get(path, headers={"host": "localhost"})
        with CaptureQueriesContext(
            connection,
        ) as captured:
            answer = client.get(path, headers={"host": "localhost"})
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
        counted[title] = sum(1 for query in captured if not query["sql"].startswith(("SAVEPOINT", "RELEASE")))
    return counted


def _times(site: Site) -> dict[str, float]:
    """Return the median milliseconds of each page in this very process: no server, no network between."""
    import time

    taken: dict[str, float] = {}
    for title, (path, cookie) in site.pages.items():
        client, each = _client(cookie), []
        for number in range(EACH + SETTLED):
            started = time.perf_counter()
            client.get(path, headers={"host": "localhost"})
            if number >= SETTLED:
                each.append((time.perf_counter() - started) * 1000)
        # The least is what the page costs; the rest is what else the machine does.
        taken[title] = sorted(each)[len(each) // 4]
    return taken


def _up(url: str) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def _rate(url: str, path: str, cookie: str, seconds: float) -> tuple[float, float]:
    """Return (requests per second over CONNECTIONS connections, p95 in ms)."""
    host = f"127.0.0.1:{url.rpartition(':')[2]}"
    command = [sys.executable, "-m", "benchmarks.load", host, path, cookie, str(seconds)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _n in range(CONNECTIONS)
    ]
    times = [t for process in running for t in json.loads(process.communicate(timeout=60)[0])["times"]]
    return len(times) / seconds, sorted(times)[int(len(times) * 0.95)]


def _line(
    scale: Scale, few: int, rates: dict[str, list[float]], p95: float,
    queries: dict[int, dict[str, int]], times: dict[int, list[dict[str, float]]],
) -> Line:  # fmt: skip
    found = ratios(rates["overview"], rates["hello"])
    growth = {
        title: ratios([each[title] for each in times[scale.rows]], [each[title] for each in times[few]])
        for title in queries[few]
    }
    most = {title: max(count[title] for count in queries.values()) for title in queries[few]}
    constant = queries[few] == queries[scale.rows]
    fine = (
        max(most.values()) <= QUERIES_AT_MOST
        and constant
        and max(map(median, growth.values())) <= GROWTH_AT_MOST
    )
    return Line(
        "pages",
        f"overview {median(rates['overview']):.0f} requests/s, p95 {p95:.0f} ms",
        f"Django hello {median(rates['hello']):.0f}/s",
        f"{median(found):.3f}",
        f">= {AT_LEAST}, <= {QUERIES_AT_MOST} queries, growth <= {GROWTH_AT_MOST}",
        fine and median(found) >= AT_LEAST,
        spread_of(found, 3),
        [
            "queries: " + ", ".join(f"{title} {count}" for title, count in most.items())
            + ("" if constant else f", NOT constant: {queries}"),
            f"{few} to {scale.rows} certificates: "
            + ", ".join(
                f"{title} {median(each[title] for each in times[scale.rows]):.1f} ms, x {median(by):.2f} ({spread_of(by)})"
                for title, by in growth.items()
            ),
        ],
    )  # fmt: skip
