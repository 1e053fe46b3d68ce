"""The live table: it asks a source for its metrics each second, and draws them."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from sidelight.embedded.top.route_stats import (
    RouteScrape,
    parse,
    recent,
    route_stats,
    summary,
)
from sidelight.embedded.top.sources import Fetch, ScrapeFailedError
from sidelight.embedded.top.table import WIDTH, render

SCRAPE_INTERVAL: Final = 1.0
"""Seconds."""
WINDOW: Final = 10.0
"""The seconds that the statistics cover."""
PLAIN_INTERVAL: Final = 5
"""Without a terminal, a table is printed after so many scrapes."""
HEADING_LINES: Final = 4
LEGEND: Final = f"last {WINDOW:.0f} s; errors are 5xx; "

Show = Callable[[RenderableType], None]


class RouteStatsTable:
    """Scrapes one source and shows the statistics of its routes.

    ``heading`` is drawn above the table, and ``legend`` below it.
    """

    def __init__(
        self, name: str, console: Console, legend: str, heading: Callable[[], RenderableType]
    ) -> None:
        self.name = name
        self.console = console
        self.legend = legend
        self.heading = heading
        self.sort = "rate"
        self.scrapes: deque[RouteScrape] = deque(maxlen=round(WINDOW / SCRAPE_INTERVAL) + 1)
        self.problem = ""
        self._changed = asyncio.Event()

    async def run(self, fetch: Fetch) -> None:
        """Run until cancelled. The last table stays on the terminal."""
        output = _live if self.console.is_terminal else _plain
        with output(self.console) as show:
            while True:
                await self.scrape(fetch)
                due = time.monotonic() + SCRAPE_INTERVAL
                show(self.render())
                while (left := due - time.monotonic()) > 0:
                    await self._pause(left)
                    if self.console.is_terminal:
                        show(self.render())

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until the order was changed."""
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    def sort_by(self, name: str) -> None:
        """Sort by another column, and draw the table at once."""
        self.sort = name
        self._changed.set()

    async def scrape(self, fetch: Fetch) -> None:
        """Scrape once, and keep the error if it fails."""
        try:
            self.scrapes.append(parse(await fetch(), time.time()))
            self.problem = ""
        except (ScrapeFailedError, ValueError) as error:
            reason = str(error) if isinstance(error, ScrapeFailedError) else type(error).__name__
            self.problem = f"no answer ({reason}); the statistics are old; "

    def render(self) -> RenderableType:
        """The heading and the table."""
        window = recent(self.scrapes, WINDOW)
        routes = route_stats(window, self.sort)
        height = self.console.height - HEADING_LINES if self.console.is_terminal else None
        legend = f"{LEGEND}by {self.sort}; {self.legend}"
        note = Text.assemble((self.problem, "bold red"), (legend, "dim"))
        table = render(self.name, routes, summary(window, routes), note, height)
        return Group(self.heading(), table)


@contextmanager
def _live(console: Console) -> Iterator[Show]:
    """Each table replaces the one before."""
    with Live(console=console, auto_refresh=False) as live:
        yield lambda table: live.update(table, refresh=True)


@contextmanager
def _plain(console: Console) -> Iterator[Show]:
    """Every fifth table and the last table are printed."""
    waiting: list[RenderableType] = []

    def show(table: RenderableType) -> None:
        waiting.append(table)
        if len(waiting) == PLAIN_INTERVAL:
            console.print(table)
            waiting.clear()

    try:
        yield show
    finally:
        if waiting:
            console.print(waiting[-1])


def console() -> Console:
    """The terminal; without a terminal, a console of the table's width."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=WIDTH)
