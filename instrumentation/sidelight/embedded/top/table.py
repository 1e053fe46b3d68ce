"""The table of routes: a header, a row for each route, and a footer."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from sidelight.embedded.top.route_stats import RouteStats, ServiceSummary
from sidelight.embedded.viewer.units import format_value

WIDTH: Final = 120
OTHER_LINES: Final = 7
"""The lines of the table that are not routes."""
NO_VALUE: Final = "-"


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
    for heading in ("p50", "p95", "p99", "waiting", "blocked"):
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
        Text(duration(stats.waiting or None), "yellow"),
        Text(duration(stats.blocked or None), "bold red"),
    ]
