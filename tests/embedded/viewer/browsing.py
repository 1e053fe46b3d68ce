"""A viewer process, and Chromium to open its pages."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, expect

from tests.live.servers import PATIENCE, Server, eventually

WIDE: ViewportSize = {"width": 1400, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
LOADED = """() => document.querySelector(".sl-panel, .sl-alerts")
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
IN_BROWSER = [
    pytest.mark.live,
    pytest.mark.xdist_group("browser"),
    # Each wait has a limit of its own. By a signal, this one would raise inside of Playwright's
    # event loop, which ends the whole run with an internal error.
    pytest.mark.timeout(1800, method="thread"),
]
"""The marks of tests that use the browser."""
MILLISECONDS = PATIENCE * 1000
expect.set_options(timeout=MILLISECONDS)


class Viewer(Server):
    """One ``sidelight viewer``. The context manager waits until it is ready, and ends it."""

    def __init__(self, cwd: Path, *options: str, **env: str) -> None:
        listen = () if "--listen" in options else ("--listen", "127.0.0.1:{port}")
        super().__init__(("sidelight", "viewer", *listen, *options), env, cwd)

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
        """Whether the viewer answers requests."""
        assert self.process.poll() is None, f"the viewer ended:\n{self.log}"
        try:
            return self.get("/alerts")[0] in {200, 401}
        except OSError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def chromium(profile: Path) -> Iterator[str]:
    """Start Chromium. Yields the address of its DevTools; skips the test without Chromium."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    options = ["--headless", "--remote-debugging-port=0", f"--user-data-dir={profile}"]
    options += ["--no-sandbox"] if os.getuid() == 0 else []
    with subprocess.Popen(
        [found, *options, "about:blank"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        assert process.stderr
        try:
            yield next(
                line.decode().partition("listening on ")[2].strip()
                for line in process.stderr
                if b"DevTools listening on" in line
            )
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


@contextmanager
def context(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A browser context without animations. Its pages share a cache."""
    made = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce", **options})
    try:
        yield made
    finally:
        made.close()


class Reader:
    """A page in a browser. ``problems`` are its errors, and its requests to other hosts."""

    def __init__(self, context: BrowserContext, viewer: Viewer) -> None:
        self.viewer = viewer
        self.page: Page = context.new_page()
        self.page.set_default_timeout(MILLISECONDS)
        self.problems: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self._on_request(request.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _on_request(self, url: str) -> None:
        own = (self.viewer.url, self.viewer.url.replace("http", "ws"), "data:", "blob:")
        if not url.startswith(own):
            self.problems.append(f"requested {url}")

    def open(self, path: str) -> float:
        """Open a page and wait until it is loaded. Returns the seconds that it took."""
        began = time.perf_counter()
        self.page.goto(self.viewer.url + path, wait_until="commit")
        self.wait_until_loaded()
        return time.perf_counter() - began

    def wait_until_loaded(self) -> None:
        """Wait until nothing is loading."""
        self.page.wait_for_function(LOADED)

    def refresh(self) -> None:
        """Refresh, and wait until every visible panel is loaded."""
        self.page.evaluate(COUNT_REFRESHES)
        self.page.locator(".sl-refresh").click()
        self.page.wait_for_function("() => window.refreshes > 0")

    def kinds(self) -> dict[str, str]:
        """The form of each panel's content by title; the last panel, if several have one title."""
        panels = self.page.locator(".sl-panel[data-panel]")
        found = panels.evaluate_all("all => all.map(e => [e.dataset.panel, e.dataset.kind])")
        return dict(found)

    def panel(self, title: str) -> Any:
        """The first panel with a title."""
        return self.page.locator(f'.sl-panel[data-panel="{title}"]').first

    def stat(self, title: str) -> str:
        """The text of a stat panel."""
        text: str = self.panel(title).locator("strong").inner_text()
        return text

    def select(self, name: str, *values: str) -> None:
        """Select values of a variable, and close its list."""
        picker = self.page.locator(f'[data-picker="{name}"]')
        picker.locator(".sl-chip").click()
        for value in values:
            picker.get_by_role("option", name=value, exact=True).click()
        self.page.mouse.click(1000, 20)  # an empty place in the bar

    def hover(self, title: str) -> None:
        """Point at a graph, near its latest values, until the tooltip appears."""
        canvas = self.panel(title).locator("canvas")
        canvas.scroll_into_view_if_needed()

        def has_tooltip() -> bool:
            box = canvas.bounding_box()
            x, y = box["x"] + box["width"] - 40, box["y"] + box["height"] / 2
            self.page.mouse.move(x - 5, y)
            self.page.mouse.move(x, y)
            return bool(self.page.locator(".sl-tip").is_visible())

        eventually(has_tooltip)

    def fits(self, size: ViewportSize) -> bool:
        """Whether no part of the page is wider than a viewport of this size."""
        self.page.set_viewport_size(size)
        width: int = self.page.evaluate("document.documentElement.scrollWidth")
        return width <= size["width"]

    def screenshot(self, folder: Path | None, name: str) -> None:
        """Write a picture of the whole page, if there is a folder for pictures."""
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=folder / f"{name}.png", full_page=True)
