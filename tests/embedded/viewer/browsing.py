"""A viewer of its own process, and a real Chromium that looks at it."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.live.servers import PATIENCE, Server, eventually
from tests.live.sidecars import SIDELIGHT

WIDE = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}
DRAWN = """() => document.querySelector(".sl-panel, .sl-alerts")
  && !document.querySelector(".is-loading, .sl-bar.loading, .sl-alerts > .sl-loading")"""
COUNT_REFRESHES = """() => {
  const bar = document.querySelector(".sl-bar");
  let loading = false;
  window.refreshes = 0;
  window.refreshObserver?.disconnect();
  window.refreshObserver = new MutationObserver(() => {
    const now = bar.classList.contains("loading");
    if (loading && !now) window.refreshes += 1;
    loading = now;
  });
  window.refreshObserver.observe(bar, { attributes: true, attributeFilter: ["class"] });
}"""
MILLISECONDS = PATIENCE * 1000
expect.set_options(timeout=MILLISECONDS)


class Viewer(Server):
    """One `sidelight viewer`. As a context it is ready, and ended when that is left."""

    program = SIDELIGHT, "viewer"

    def __init__(self, cwd: Path, *options: str, **env: str) -> None:
        listen = () if "--listen" in options else ("--listen", "127.0.0.1:{port}")
        super().__init__((*listen, *options), env, cwd)

    def __enter__(self) -> Self:
        try:
            self.ready()
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy()

    def answers(self) -> bool:
        """Whether it takes requests."""
        assert self.process.poll() is None, f"the viewer ended:\n{self.log}"
        try:
            return self.get("/alerts")[0] in {200, 401}
        except OSError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's, or a skipped test."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    options = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=options)
        try:
            yield browser
        finally:
            browser.close()


class Reader:
    """A page in a browser, and all that was wrong with it: errors, and requests elsewhere."""

    def __init__(self, browser: Browser, viewer: Viewer, **context: Any) -> None:
        self.viewer = viewer
        self.context = browser.new_context(**{"viewport": WIDE, **context})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(MILLISECONDS)
        self.wrong: list[str] = []
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(message.text)

    def _asked(self, url: str) -> None:
        own = (self.viewer.url, self.viewer.url.replace("http", "ws"), "data:", "blob:")
        if not url.startswith(own):
            self.wrong.append(f"asked {url}")

    def open(self, path: str) -> float:
        """Go to a page, wait until all of it is drawn: seconds."""
        began = time.perf_counter()
        self.page.goto(self.viewer.url + path, wait_until="commit")
        self.drawn()
        return time.perf_counter() - began

    def drawn(self) -> None:
        """Wait until nothing is asked for any more."""
        self.page.wait_for_function(DRAWN)

    def refresh(self) -> None:
        """Refresh, and wait until every visible panel is loaded."""
        self.page.evaluate(COUNT_REFRESHES)
        self.page.locator(".sl-refresh").click()
        self.page.wait_for_function("() => window.refreshes > 0")

    def kinds(self) -> dict[str, str]:
        """What each panel shows, by title; of two with one title, the last."""
        panels = self.page.locator(".sl-panel[data-panel]")
        found = panels.evaluate_all("all => all.map(e => [e.dataset.panel, e.dataset.kind])")
        return dict(found)

    def panel(self, title: str) -> Any:
        """One panel."""
        return self.page.locator(f'.sl-panel[data-panel="{title}"]').first

    def stat(self, title: str) -> str:
        """The text of a stat panel."""
        text: str = self.panel(title).locator("strong").inner_text()
        return text

    def choose(self, name: str, *values: str) -> None:
        """Tick these values of a variable, and close its list."""
        picker = self.page.locator(f'[data-picker="{name}"]')
        picker.locator(".sl-chip").click()
        for value in values:
            picker.get_by_role("option", name=value, exact=True).click()
        self.page.mouse.click(1000, 20)  # where the bar is empty

    def hover(self, title: str) -> None:
        """Point at a graph, near its newest values, until it tells them."""
        canvas = self.panel(title).locator("canvas")
        canvas.scroll_into_view_if_needed()

        def told() -> bool:
            box = canvas.bounding_box()
            x, y = box["x"] + box["width"] - 40, box["y"] + box["height"] / 2
            self.page.mouse.move(x - 5, y)
            self.page.mouse.move(x, y)
            return bool(self.page.locator(".sl-tip").is_visible())

        eventually(told)

    def picture(self, folder: Path, name: str) -> None:
        """What is seen, and all of the page."""
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")
        self.page.screenshot(path=folder / f"{name}-whole.png", full_page=True)
