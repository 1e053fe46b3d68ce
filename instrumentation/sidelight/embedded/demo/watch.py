"""A service's routes in the terminal, from its /metrics."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from sidelight.embedded.demo.figures import rows, summary
from sidelight.embedded.demo.scrape import Scrape, parse, recent
from sidelight.embedded.demo.screen import WIDTH, screen

PERIOD = 1.0  # seconds between scrapes
WINDOW = 10.0  # seconds that the figures speak of
PLAIN_EVERY = 5  # scrapes from one table to the next where there is no terminal
HEADING = 4  # lines above the table
LEGEND = f"last {WINDOW:.0f} s; errors are 5xx; Ctrl-C stops"

Show = Callable[[RenderableType], None]


class Watch:
    """Scrapes one address, keeps what the window needs, and draws it."""

    def __init__(self, url: str, console: Console, heading: Callable[[], RenderableType]) -> None:
        self.url = url
        self.console = console
        self.heading = heading
        self.scrapes: deque[Scrape] = deque(maxlen=round(WINDOW / PERIOD) + 1)
        self.trouble = ""

    async def run(self) -> None:
        """Until cancelled; the last picture stays on the terminal."""
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            shown = _in_place if self.console.is_terminal else _one_below_another
            with shown(self.console) as show:
                while True:
                    await self.scrape(client)
                    show(self.picture())
                    await asyncio.sleep(PERIOD)

    async def scrape(self, client: httpx.AsyncClient) -> None:
        """One more answer, or what is wrong."""
        try:
            answer = (await client.get(self.url)).raise_for_status()
            self.scrapes.append(parse(answer.text, time.time()))
            self.trouble = ""
        except (httpx.HTTPError, ValueError) as error:
            self.trouble = f"no answer ({type(error).__name__}); these are the last figures; "

    def picture(self) -> RenderableType:
        """The heading and the table as they are now."""
        window = recent(self.scrapes, WINDOW)
        found = rows(window)
        height = self.console.height - HEADING if self.console.is_terminal else None
        note = Text.assemble((self.trouble, "bold red"), (LEGEND, "dim"))
        table = screen(self.url, found, summary(window, found), note, height)
        return Group(self.heading(), table)


@contextmanager
def _in_place(console: Console) -> Iterator[Show]:
    """Each picture over the one before."""
    with Live(console=console, auto_refresh=False) as live:
        yield lambda picture: live.update(picture, refresh=True)


@contextmanager
def _one_below_another(console: Console) -> Iterator[Show]:
    """A picture now and then, and the last one."""
    waiting: list[RenderableType] = []

    def show(picture: RenderableType) -> None:
        waiting.append(picture)
        if len(waiting) == PLAIN_EVERY:
            console.print(picture)
            waiting.clear()

    try:
        yield show
    finally:
        if waiting:
            console.print(waiting[-1])


def console() -> Console:
    """The terminal, or a page of the table's width where there is none."""
    here = Console()
    return here if here.is_terminal else Console(width=WIDTH)
