"""One installation and one browser for all browser tests; a watched context for each of them."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from runner.installation import ROOT, Installation
from tests.browser.gallery import Gallery
from tests.browser.person import Person
from tests.browser.watch import Watch

log = logging.getLogger(__name__)

CHROMIUM_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SETTLERS = [
    f"{name}@customers.example"
    for name in [
        "anna",
        "boris",
        "carla",
        "david",
        "elena",
        "felix",
        "greta",
        "henry",
        "irene",
        "jonas",
        "klara",
        "louis",
        "maria",
        "nadia",
        "oscar",
        "paula",
        "quinn",
        "rosa",
        "simon",
        "tessa",
        "uwe",
        "vera",
        "wanda",
        "xaver",
        "yvonne",
        "zoe",
    ]
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    extra = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "PLAIN_STATIC": "0"}
    with Installation(
        tmp_path_factory.mktemp("town") / "var", free_ports=True, extra_env=extra
    ) as installation:
        yield installation


@pytest.fixture(scope="session")
def settlers(town: Installation) -> Iterator[tuple[str, str]]:
    """Customers with a session, each to be used by one test: (address, session key)."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.browser.settlers", *SETTLERS],
        env=town.env, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return iter(json.loads(done.stdout).items())


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def gallery() -> Iterator[Gallery]:
    return Gallery()


class Visits:
    """Opens watched windows; `close` fails for whatever a browser complained of and for the faults the gallery found."""

    def __init__(self, town: Installation, chrome: Browser, gallery: Gallery, test: str) -> None:
        self.town, self.chrome, self.gallery, self.test = town, chrome, gallery, test
        self.windows: list[tuple[BrowserContext, Watch]] = []

    def open(self, *, email: str = "", session: str = "", scripts: bool = True) -> Person:
        """Return a person with a window of their own; with `session` they signed in long ago."""
        base = self.town.portal_url
        context = self.chrome.new_context(
            base_url=base,
            viewport={"width": 1280, "height": 860},
            java_script_enabled=scripts,
            locale="en-GB",
        )
        context.set_default_timeout(20_000)
        if session:
            context.add_cookies([{"name": "sessionid", "value": session, "url": base}])
        watch = Watch(context)
        self.windows.append((context, watch))
        return Person(self.town, context.new_page(), watch, self.gallery, email)

    def close(self, *, failed: bool) -> None:
        complaints = [complaint for _context, watch in self.windows for complaint in watch.complaints]
        for number, (context, _watch) in enumerate(self.windows):
            if failed:
                with suppress(Exception):
                    self._keep(context, number)
            context.close()
        faults, self.gallery.faults = self.gallery.faults, []
        assert not complaints, "\n".join(complaints)
        assert not faults, "\n".join(faults)

    def _keep(self, context: BrowserContext, number: int) -> None:
        folder = self.gallery.folder.parent / "failures"
        folder.mkdir(parents=True, exist_ok=True)
        for page in context.pages:
            page.screenshot(path=folder / f"{self.test}-{number}.png", full_page=True)
            log.error("%s\n%s", page.url, page.locator("body").inner_text())
        for name in ("sandbox", "worker"):
            log.error("%s\n%s", name, self.town.processes.tail(name, 40))


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def visits(
    town: Installation, chrome: Browser, gallery: Gallery, request: pytest.FixtureRequest
) -> Iterator[Visits]:
    visits = Visits(town, chrome, gallery, request.node.name)
    yield visits
    visits.close(failed=request.node.stash.get(FAILED, False))


@pytest.fixture
def visitor(visits: Visits) -> Person:
    """Somebody without an account."""
    return visits.open()


@pytest.fixture
def customer(visits: Visits, settlers: Iterator[tuple[str, str]]) -> Person:
    """Somebody with an account and a session from long ago."""
    email, session = next(settlers)
    return visits.open(email=email, session=session)
