"""Pictures of every page, for those who can't look now."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidelight import packaged
from sidelight.errors import SettingsError, SidelightError

if TYPE_CHECKING:
    from playwright.async_api import Page

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
WINDOW: Final = (1400, 900)
MOST: Final = 3600
"""Pixels of a picture's height."""
SETTLES: Final = 3.0
"""Seconds from a page's load until its panels are drawn."""
ASKED: Final = "from=now-6m&to=now&refresh=off"
PAGES: Final = ("slow", "alerts")


class Camera:
    """Takes a picture of each page, once for each name it is told."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._pages = [f"d/{path.stem}?{ASKED}" for path in packaged.dashboards()] + list(PAGES)
        self._taken: set[str] = set()

    @property
    def needs(self) -> float:
        """Seconds from the first picture to the last, and some."""
        return len(self._pages) * (SETTLES + 1.0)

    async def take(self, name: str) -> None:
        """``FOLDER/NAME-PAGE.png`` of every page, unless they were taken. Raises on no browser."""
        if name in self._taken:
            return
        self._taken.add(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        async with _page() as page:
            for path in self._pages:
                await page.goto(f"{self._url}/{path}")
                await page.wait_for_timeout(SETTLES * 500)
                # Charts are drawn when they come into sight, so all of the page has to be.
                height = await page.evaluate("document.documentElement.scrollHeight")
                await page.set_viewport_size({"width": WINDOW[0], "height": min(height, MOST)})
                await page.wait_for_timeout(SETTLES * 500)
                file = re.sub(r"\W+", "-", f"{name}-{_stem(path)}") + ".png"
                await page.screenshot(path=self._folder / file)
                await page.set_viewport_size({"width": WINDOW[0], "height": WINDOW[1]})


def check() -> None:
    """Whether pictures can be taken here. Raises `SettingsError`."""
    try:
        import playwright.async_api  # noqa: F401, PLC0415 only who wants pictures needs it
    except ImportError:
        raise SettingsError(
            "headless", "", "pictures need Playwright", "pip install playwright"
        ) from None
    if _browser() is None:
        raise SettingsError(
            "headless", "", f"none of {', '.join(BROWSERS)} is here", "apt-get install chromium"
        )


@asynccontextmanager
async def _page() -> AsyncIterator["Page"]:
    from playwright.async_api import async_playwright  # noqa: PLC0415 as above

    browser = _browser()
    if browser is None:
        raise SidelightError("the browser has gone")
    width, height = WINDOW
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield await started.new_page(viewport={"width": width, "height": height})
        await started.close()


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _stem(path: str) -> str:
    return path.partition("?")[0].removeprefix("d/").removeprefix("sidelight-")
