"""What every test may use: alice, bob, support and an operator, a frozen `now`, and a database that can be flushed."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Before Django reads its settings: a var directory of this run, never the developer's own.
if "VAR_DIR" not in os.environ:
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="chancery-test-")
    atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)
os.environ.setdefault("PLAIN_STATIC", "1")
os.environ.setdefault("EMAIL_BACKEND", "django.core.mail.backends.locmem.EmailBackend")
# The default, http://localhost:8000, is no place that a CA could be redirected to.
os.environ.setdefault("CHALLENGE_REDIRECT_URL", "https://portal.example")
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"

import django

django.setup()

import pytest
import time_machine
from django.conf import settings
from django.core.management.commands import flush as flush_command
from django.db import connection, connections
from hypothesis import HealthCheck
from hypothesis import settings as tried
from structlog.contextvars import clear_contextvars

from certificates.issuance import pace
from outbound import Call, unwatch, watch
from outbound.calls import Moment
from tests.on_postgres import ONLY_DATABASE, PAGES, WITHOUT_PAGES
from validation import caa

# Where rows are made at this moment and the code asks the clock, a test wants `at_now`: it has to hold on any day
# (libfaketime with FAKETIME=+1000d shows it; tests of waiting, and those at real CAs, cannot be played so).
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
# On a machine that is busy an example may take its time: that is no fault of what is tried with it. The same ones are tried
# each time, so that a change is judged by what it changes; with TRY_OTHERS=1 others are looked for.
tried.register_profile(
    "house",
    deadline=None,
    derandomize="TRY_OTHERS" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
tried.load_profile("house")
# A test that empties the cache must not empty it under the one that runs beside it: a folder, or a Redis database, each.
if "PYTEST_XDIST_WORKER" in os.environ:
    own = 1 + int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    settings.CACHES["default"]["LOCATION"] = (
        f"{settings.CACHES['default']['LOCATION'].removesuffix('/0')}/{own}"
    )
# Half a second for each password is what production wants of its hasher, and no test does.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
# record_property(COUNTED, (table, what, how many)): added up over all tests, and printed at the end of the run.
COUNTED = "counted"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On a second database, leave out what touches none; where pages are looked at elsewhere, leave out those."""
    if ONLY_DATABASE in os.environ:
        keep(config, items, lambda item: uses_database(item) or is_page(item))
    if WITHOUT_PAGES in os.environ:
        keep(config, items, lambda item: not is_page(item))


def keep(config: pytest.Config, items: list[pytest.Item], wanted: Callable[[pytest.Item], bool]) -> None:
    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = [item for item in items if wanted(item)]


def is_page(item: pytest.Item) -> bool:
    here = Path(__file__).parent
    return any(item.path.is_relative_to(here / page) for page in PAGES)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for each table of cases, also when its tests ran in several processes: this file is read by all of them."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    sums: dict[str, dict[str, int]] = {}
    for name, value in (pair for one in reports if one.when == "call" for pair in one.user_properties):
        if name == COUNTED:
            table, what, many = value
            counts = sums.setdefault(table, {})
            counts[what] = counts.get(what, 0) + many
    for table, counts in sums.items():
        terminalreporter.write_line(
            f"{table}: {', '.join(f'{many} {what}' for what, many in counts.items())}"
        )


def uses_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool({"db", "transactional_db"} & fixtures)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def at_now() -> Iterator[None]:
    """The clock goes on from `now`: for tests whose rows were made at `now`, and whose pages look at the clock."""
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture(scope="session", autouse=True)
def _memory_can_be_flushed_between_tests() -> None:
    """On SQLite a flush is a DELETE, which the append-only triggers refuse: lift them for the flush only."""
    original = flush_command.Command.handle

    def handle(self, **options):
        database = connections[options["database"]]
        if database.vendor != "sqlite":
            return original(self, **options)
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type='trigger' AND tbl_name='audit_entry'"
            )
            triggers = cursor.fetchall()
            for name, _sql in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
        try:
            return original(self, **options)
        finally:
            with database.cursor() as cursor:
                for _name, sql in triggers:
                    cursor.execute(sql)

    flush_command.Command.handle = handle


@pytest.fixture
def alice(db):
    """A customer: the owner in most tests."""
    from tests.factories import UserFactory

    return UserFactory(email="alice@example.org", name="Alice Archer")


@pytest.fixture
def bob(db):
    """Another customer: a stranger to everything of alice's."""
    from tests.factories import UserFactory

    return UserFactory(email="bob@example.org", name="Bob Baker")


@pytest.fixture
def support(db):
    from tests.factories import staff

    return staff("sue@portal.example", "support")


@pytest.fixture
def operator(db):
    from tests.factories import staff

    return staff("oscar@portal.example", "operators")


@pytest.fixture(autouse=True)
def _nothing_leaves_the_house_in_a_transaction() -> Iterator[None]:
    """Design §4: no network inside a transaction, whichever test makes the call."""
    seen: list[str] = []

    def watcher(moment: Moment, this: Call) -> None:
        blocks = connection.atomic_blocks
        if moment == "before" and any(not getattr(block, "_from_testcase", False) for block in blocks):
            seen.append(this.name)

    watch(watcher)
    yield
    unwatch(watcher)
    assert seen == []


@pytest.fixture(autouse=True)
def _no_ca_is_known_to_be_quick() -> None:
    """How long a CA takes is learned by the process, and each test begins without what another has learned."""
    pace.forget()


@pytest.fixture(autouse=True)
def _lines_tell_of_this_test_only() -> None:
    """The engine binds ids to the lines that follow, and the sweep forgets them; a test may call it without a sweep."""
    clear_contextvars()


@pytest.fixture(autouse=True)
def _no_suffix_is_known_to_be_bare() -> None:
    caa.BARE.forget()
