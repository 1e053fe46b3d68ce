"""Screenshots of every page of the viewer."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sidelight import packaged
from sidelight.errors import SidelightError

if TYPE_CHECKING:
    from playwright.async_api import Page

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
WIDTH: Final = 1400
HEIGHT: Final = 900
MAX_HEIGHT: Final = 3600
"""Pixels."""
LOAD_TIME: Final = 3.0
"""Seconds from the load of a page until its panels are drawn."""
QUERY: Final = "from=now-6m&to=now&refresh="
PAGES: Final = ("slow", "alerts")


class Screenshots:
    """Takes a screenshot of each page, once for each name."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._pages = [f"d/{path.stem}?{QUERY}" for path in packaged.dashboards()] + list(PAGES)
        self._taken: set[str] = set()

    @property
    def seconds(self) -> float:
        """The seconds that the screenshots of all pages take."""
        return len(self._pages) * (LOAD_TIME + 1.0)

    async def take(self, name: str) -> None:
        """Write ``FOLDER/NAME-PAGE.png`` for each page, unless they were written before.

        Raises `SidelightError` if there is no browser.
        """
        if name in self._taken:
            return
        self._taken.add(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        async with _page() as page:
            for path in self._pages:
                await page.goto(f"{self._url}/{path}")
                await page.wait_for_timeout(LOAD_TIME * 500)
                # A chart is drawn when it becomes visible, so the whole page has to be visible.
                height = await page.evaluate("document.documentElement.scrollHeight")
                await page.set_viewport_size({"width": WIDTH, "height": min(height, MAX_HEIGHT)})
                await page.wait_for_timeout(LOAD_TIME * 500)
                file = re.sub(r"\W+", "-", f"{name}-{_page_name(path)}") + ".png"
                await page.screenshot(path=self._folder / file)
                await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def check(folder: str) -> None:
    """Check that screenshots are possible. Raises `SidelightError`."""
    try:
        import playwright.async_api  # noqa: F401, PLC0415 only screenshots need it
    except ImportError:
        raise SidelightError(
            f"--headless {folder}: screenshots need Playwright: pip install playwright"
        ) from None
    if _browser() is None:
        raise SidelightError(
            f"--headless {folder}: screenshots need one of {', '.join(BROWSERS)}, and none is "
            "installed: apt-get install chromium"
        )


@asynccontextmanager
async def _page() -> AsyncIterator["Page"]:
    from playwright.async_api import async_playwright  # noqa: PLC0415 as above

    browser = _browser()
    if browser is None:
        raise SidelightError("the browser is no longer installed")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield await started.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        await started.close()


def _browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _page_name(path: str) -> str:
    return path.partition("?")[0].removeprefix("d/").removeprefix("sidelight-")
