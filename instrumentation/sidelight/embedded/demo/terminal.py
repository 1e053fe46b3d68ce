"""The table of routes in the terminal, from the service's /metrics."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import httpx
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sidelight.embedded.demo.route_stats import (
    DemoScrape,
    RouteStats,
    ServiceSummary,
    parse,
    recent,
    route_stats,
    summary,
)
from sidelight.embedded.viewer.units import format_value

SCRAPE_INTERVAL: Final = 1.0
"""Seconds."""
WINDOW: Final = 10.0
"""The seconds that the statistics cover."""
PLAIN_INTERVAL: Final = 5
"""Without a terminal, a table is printed after so many scrapes."""
HEADING_LINES: Final = 4
WIDTH: Final = 100
OTHER_LINES: Final = 7
"""The lines of the table that are not routes."""
NO_VALUE: Final = "-"
LEGEND: Final = f"last {WINDOW:.0f} s; errors are 5xx; Ctrl-C stops"

Show = Callable[[RenderableType], None]


class RouteStatsTable:
    """Scrapes one address and shows the statistics of its routes."""

    def __init__(self, url: str, console: Console, heading: Callable[[], RenderableType]) -> None:
        self.url = url
        self.console = console
        self.heading = heading
        self.scrapes: deque[DemoScrape] = deque(maxlen=round(WINDOW / SCRAPE_INTERVAL) + 1)
        self.problem = ""

    async def run(self) -> None:
        """Run until cancelled. The last table stays on the terminal."""
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            output = _live if self.console.is_terminal else _plain
            with output(self.console) as show:
                while True:
                    await self.scrape(client)
                    show(self.render())
                    await asyncio.sleep(SCRAPE_INTERVAL)

    async def scrape(self, client: httpx.AsyncClient) -> None:
        """Scrape once, and keep the error if it fails."""
        try:
            answer = (await client.get(self.url)).raise_for_status()
            self.scrapes.append(parse(answer.text, time.time()))
            self.problem = ""
        except (httpx.HTTPError, ValueError) as error:
            self.problem = f"no answer ({type(error).__name__}); the statistics are old; "

    def render(self) -> RenderableType:
        """The heading and the table."""
        window = recent(self.scrapes, WINDOW)
        routes = route_stats(window)
        height = self.console.height - HEADING_LINES if self.console.is_terminal else None
        note = Text.assemble((self.problem, "bold red"), (LEGEND, "dim"))
        table = render(self.url, routes, summary(window, routes), note, height)
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


def render(
    url: str,
    routes: Sequence[RouteStats],
    service: ServiceSummary,
    note: Text,
    height: int | None = None,
) -> RenderableType:
    """Header, table and footer, in at most ``height`` lines."""
    shown = routes if height is None else most_relevant(routes, max(1, height - OTHER_LINES))
    hidden = len(routes) - len(shown)
    more = Text(f"and {hidden} more; " if hidden else "", "dim")
    return Group(_header(url, service), _table(shown), Text("  ") + more + note)


def most_relevant(routes: Sequence[RouteStats], limit: int) -> list[RouteStats]:
    """The routes with errors or slow requests, then those with the most requests, in order."""
    failing = [stats for stats in routes if stats.error_ratio or stats.slow]
    selected = (failing + [stats for stats in routes if stats not in failing])[:limit]
    return [stats for stats in routes if stats in selected]


def _header(url: str, service: ServiceSummary) -> Text:
    rate = NO_VALUE if service.rate is None else f"{service.rate:.1f}"
    parts = (
        (url, "bold cyan"),
        (_workers(service.workers), ""),
        (f"{rate} requests/s", "bold"),
        (f"up {uptime(service.uptime)}", ""),
    )
    line = Text("   ").join(Text(text, style) for text, style in parts)
    return Text("  ", no_wrap=True, overflow="ellipsis") + line


def _workers(states: Mapping[str, int]) -> str:
    """The number of workers, by state if their states differ."""
    if len(states) > 1:
        return ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    number = sum(states.values())
    return f"{number or NO_VALUE} worker{'' if number == 1 else 's'}"


def uptime(seconds: float | None) -> str:
    """Hours, minutes and seconds."""
    return NO_VALUE if seconds is None else str(timedelta(seconds=int(seconds)))


def duration(seconds: float | None) -> str:
    """A duration with three significant digits."""
    return NO_VALUE if seconds is None else format_value(float(f"{seconds:.3g}"), "s")


def _table(routes: Sequence[RouteStats]) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, expand=True, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("method")
    table.add_column("route", ratio=1, no_wrap=True)
    for heading, width in (("req/s", 6), ("errors", 6), ("slow", 5)):
        table.add_column(heading, justify="right", min_width=width)
    for heading in ("p50", "p95", "p99"):
        table.add_column(heading, justify="right", min_width=7)
    for stats in routes:
        table.add_row(*_cells(stats), style="dim" if stats.rate is None else "")
    return Constrain(table, WIDTH)


def _cells(stats: RouteStats) -> list[Text]:
    """The cells of a route. Errors are red, and slow requests are yellow."""
    rate = NO_VALUE if stats.rate is None else f"{stats.rate:.1f}"
    errors = NO_VALUE if stats.error_ratio is None else f"{stats.error_ratio:.1%}"
    slow = NO_VALUE if stats.rate is None and not stats.slow else str(stats.slow)
    tail = "yellow" if stats.slow else ""
    return [
        Text(stats.method),
        Text(stats.route or "(no route)"),
        Text(rate),
        Text(errors, "bold red" if stats.error_ratio else "dim"),
        Text(slow, "bold yellow" if stats.slow else "dim"),
        Text(duration(stats.p50)),
        Text(duration(stats.p95), tail),
        Text(duration(stats.p99), tail),
    ]
