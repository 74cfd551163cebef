"""Each page is looked at once: four screenshots, no sideways scrolling on a telephone, nothing that axe finds serious."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.watch import Watch

FOLDER = Path(__file__).resolve().parents[2] / "artifacts" / "screenshots"
DESK, TELEPHONE = 1280, 390
HEIGHTS = {DESK: 860, TELEPHONE: 844}
OPEN = os.environ.get("GALLERY", "1") != "0"  # GALLERY=0 runs the walks alone, in a third of the time
# Django's search box in the admin: its label is a picture whose alternative text axe does not count.
EXCUSED = {("label-title-only", "#searchbar")}
GRAVE = {"serious", "critical"}


class Gallery:
    """Keeps `artifacts/screenshots/<name>-<width>-<scheme>.png` and what was found wrong, by page."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.seen: set[str] = set()
        self.faults: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def look(self, page: Page, name: str, watch: Watch) -> None:
        """Look at the page as it stands, in both widths and both schemes; a name is looked at once in a run."""
        if not OPEN or name in self.seen:
            return
        self.seen.add(name)
        at = page.evaluate("[window.scrollX, window.scrollY]")
        page.evaluate("window.scrollTo(0, 0)")
        for width in (DESK, TELEPHONE):
            page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                path = self.folder / f"{name}-{width}-{scheme}.png"
                page.screenshot(path=path, full_page=True, caret="initial", animations="disabled")
                # Contrast differs by scheme, the order of things by width: two runs see both.
                if (width, scheme) in {(DESK, "light"), (TELEPHONE, "dark")}:
                    with watch.deaf():
                        self._axe(page, f"{name} ({width}, {scheme})")
            self._overflow(page, name, width)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": DESK, "height": HEIGHTS[DESK]})
        page.evaluate("([x, y]) => window.scrollTo(x, y)", at)

    def _overflow(self, page: Page, name: str, width: int) -> None:
        wide = page.evaluate("document.scrollingElement.scrollWidth")
        if wide > width:
            self.faults.append(f"{name}: {wide} px wide at {width}: {page.evaluate(WIDEST)}")

    def _axe(self, page: Page, where: str) -> None:
        found: dict[str, Any] = (
            Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response
        )
        for violation in found["violations"]:
            targets = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
            targets = [target for target in targets if (violation["id"], target) not in EXCUSED]
            if violation["impact"] in GRAVE and targets:
                nodes = "; ".join(targets[:4])
                detail = violation["nodes"][0].get("failureSummary", "").replace("\n", " ")
                self.faults.append(f"{where}: {violation['id']} ({violation['impact']}): {nodes}: {detail}")


WIDEST = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .slice(0, 3).map(e => e.tagName.toLowerCase() + '.' + e.className).join(', ')"""
