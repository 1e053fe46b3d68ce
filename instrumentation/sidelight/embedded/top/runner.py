"""The run of ``sidelight top``, from the start to a key or a signal that ends it."""

import asyncio
import signal
from contextlib import suppress
from typing import Final

from rich.text import Text

from sidelight.embedded.top.keys import pressed
from sidelight.embedded.top.live import RouteStatsTable, console
from sidelight.embedded.top.sources import opened

KEYS: Final = {"r": "rate", "e": "errors", "s": "slow", "5": "p50", "9": "p99"} | {
    "w": "waiting",
    "b": "blocked",
}
"""The key of each order."""
LEGEND: Final = "keys r e s 5 9 w b sort, q stops"
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(source: str, token: str | None, sort: str) -> None:
    """Show the table until q, SIGINT, SIGTERM or SIGHUP. Raises `SidelightError`."""
    stop = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    screen = console()
    legend = LEGEND if screen.is_terminal else "Ctrl-C stops"
    table = RouteStatsTable(source, screen, legend, Text)
    table.sort_by(sort)

    def key(name: str) -> None:
        if name == "q":
            stop.set()
        elif name in KEYS:
            table.sort_by(KEYS[name])

    async with opened(source, token) as fetch:
        with pressed(key):
            shown = asyncio.create_task(table.run(fetch))
            ended = asyncio.create_task(stop.wait())
            await asyncio.wait((shown, ended), return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if shown.done():
                shown.result()  # it never returns: a fault is raised
            shown.cancel()
            with suppress(asyncio.CancelledError):
                await shown
