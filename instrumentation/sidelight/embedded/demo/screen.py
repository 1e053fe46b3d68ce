"""The table as the terminal shows it. Red is an error, yellow is slow, grey is silence."""

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.table import Table
from rich.text import Text

from sidelight.embedded.demo.figures import Row, Summary

WIDTH = 100
AROUND = 7  # lines of a screen that are not routes
NOTHING = "-"
SECOND, TENTH = 0.9995, 0.09995  # what is rounded up to them counts as them


def screen(
    url: str, rows: Sequence[Row], summary: Summary, note: Text, height: int | None = None
) -> RenderableType:
    """Header, table and footer, in no more than `height` lines."""
    shown = rows if height is None else fitting(rows, max(1, height - AROUND))
    left_out = len(rows) - len(shown)
    more = Text(f"and {left_out} more; " if left_out else "", "dim")
    return Group(header(url, summary), _table(shown), Text("  ") + more + note)


def fitting(rows: Sequence[Row], most: int) -> list[Row]:
    """The rows that matter most, in their order: those in trouble, then the busiest."""
    trouble = [row for row in rows if row.errors or row.slow]
    chosen = (trouble + [row for row in rows if row not in trouble])[:most]
    return [row for row in rows if row in chosen]


def header(url: str, summary: Summary) -> Text:
    """Where the numbers come from, and the service as a whole."""
    rate = NOTHING if summary.rate is None else f"{summary.rate:.1f}"
    parts = (
        (url, "bold cyan"),
        (workers(summary.workers), ""),
        (f"{rate} requests/s", "bold"),
        (f"up {uptime(summary.uptime)}", ""),
    )
    line = Text("   ").join(Text(text, style) for text, style in parts)
    return Text("  ", no_wrap=True, overflow="ellipsis") + line


def workers(states: Mapping[str, int]) -> str:
    """How many there are, and in which state if not all in the same."""
    if len(states) > 1:
        return ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    number = sum(states.values())
    return f"{number or NOTHING} worker{'' if number == 1 else 's'}"


def uptime(seconds: float | None) -> str:
    """Hours, minutes and seconds."""
    if seconds is None:
        return NOTHING
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def duration(seconds: float | None) -> str:
    """Three digits or so, in the unit that fits."""
    if seconds is None:
        return NOTHING
    if seconds >= SECOND:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.{0 if seconds >= TENTH else 1}f} ms"


def _table(rows: Sequence[Row]) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, expand=True, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("method")
    table.add_column("route", ratio=1, no_wrap=True)
    for heading, width in (("req/s", 6), ("errors", 6), ("slow", 5)):
        table.add_column(heading, justify="right", min_width=width)
    for heading in ("p50", "p95", "p99"):
        table.add_column(heading, justify="right", min_width=7)
    for row in rows:
        table.add_row(*_cells(row), style="dim" if row.rate is None else "")
    return Constrain(table, WIDTH)


def _cells(row: Row) -> list[Text]:
    rate = NOTHING if row.rate is None else f"{row.rate:.1f}"
    errors = NOTHING if row.errors is None else f"{row.errors:.1%}"
    slow = NOTHING if row.rate is None and not row.slow else str(row.slow)
    tail = "yellow" if row.slow else ""
    return [
        Text(row.method),
        Text(row.route or "(no route)"),
        Text(rate),
        Text(errors, "bold red" if row.errors else "dim"),
        Text(slow, "bold yellow" if row.slow else "dim"),
        Text(duration(row.p50)),
        Text(duration(row.p95), tail),
        Text(duration(row.p99), tail),
    ]
