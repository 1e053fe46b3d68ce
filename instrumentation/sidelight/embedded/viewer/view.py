"""One reader's page: what it shows, and when it asks again."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from nicegui import background_tasks, ui
from nicegui.client import Client

from sidelight.embedded.viewer import bar
from sidelight.embedded.viewer.contents import AlertList, Content, Dashboard, SlowRequests
from sidelight.embedded.viewer.elements import Bar
from sidelight.embedded.viewer.empty import short
from sidelight.embedded.viewer.hub import Hub
from sidelight.embedded.viewer.prometheus import AskError
from sidelight.embedded.viewer.times import seconds
from sidelight.embedded.viewer.variables import Chosen, address, normal, read

if TYPE_CHECKING:
    from sidelight.embedded.viewer.board import Board

LEAST_EVERY: Final = 1.0
"""Seconds: no address makes a page ask more often."""
START: Final = "/d/sidelight-fleet"
LAST_HOUR: Final = Chosen({}, "now-1h", "now", "10s")


class View:
    """What one browser's page shows: told to its elements, which send what has changed."""

    def __init__(self, hub: Hub, client: Client) -> None:
        self.hub = hub
        self.url = urlsplit("")
        self.board: Board | None = None
        self.chosen = LAST_HOUR
        self.content: Content | None = None
        self.firing, self.asking, self.problem, self.watched = 0, 0, "", True
        self.again = asyncio.Event()
        self.bar = Bar(self.state())
        self.page = ui.element("main").classes("sl-page")
        self._listen()
        task = background_tasks.create(self.keep(), name="refresh")
        client.on_delete(lambda: _end(task))

    def _listen(self) -> None:
        self.bar.on("go", lambda e: self.open(str(e.args["path"])))
        self.bar.on("choose", lambda e: self.choose(str(e.args["name"]), e.args["values"]))
        self.bar.on("time", lambda e: self.span(str(e.args["from"]), str(e.args["to"])))
        self.bar.on("every", lambda e: self.every(str(e.args)))
        self.bar.on("again", lambda _: self.refresh(whole=True))
        self.bar.on("watched", lambda e: self.watch(shown=bool(e.args)))

    # --- what is shown ---

    def open(self, target: str) -> None:
        """Go to a page of the viewer."""
        before, self.url = self.url, urlsplit(target)
        self.board = self.hub.boards.get(self.url.path.removeprefix("/d/"))
        if self.board:
            self.chosen = read(self.board, self.url.query)
        if self.board is None or before.path != self.url.path:
            self.page.clear()
            with self.page:
                self.content = self._built()
        self.refresh(whole=True)

    def _built(self) -> Content:
        if self.board:
            return Dashboard(self.hub, self.board, self.span)
        if self.url.path == "/alerts":
            return AlertList(self.hub, parse_qs(self.url.query).get("open", [""])[0])
        return SlowRequests(self.hub)

    def state(self) -> dict[str, Any]:
        """What the bar shows."""
        board, chosen, path = self.board, self.chosen, self.url.path
        shown = short(board) if board else bar.PAGES.get(path, "")
        lists = self.content.lists if isinstance(self.content, Dashboard) else {}
        viewer = self.hub.viewer
        return {
            "title": f"{shown} · Sidelight" if shown else "Sidelight",
            "url": address(board.uid, chosen) if board else self.url.geturl(),
            "pages": bar.pages(self.hub, path, chosen, self.firing),
            "variables": bar.variables(board, chosen, lists) if board else [],
            "timed": board is not None,
            "since": chosen.since,
            "until": chosen.until,
            "every": chosen.refresh,
            "busy": self.asking > 0,
            "source": (viewer.sidecar if path == "/slow" else viewer.metrics).split("://", 1)[1],
            "problem": self.problem,
        }

    # --- what the reader does ---

    def choose(self, name: str, values: list[str]) -> None:
        """Other values of a variable."""
        chosen = {**self.chosen.values, name: normal([str(value) for value in values])}
        self.chosen = replace(self.chosen, values=chosen)
        self.refresh(whole=True)

    def span(self, since: str, until: str) -> None:
        """Another time."""
        self.chosen = replace(self.chosen, since=since, until=until)
        self.refresh(whole=True)

    def every(self, text: str) -> None:
        """Ask so often."""
        self.chosen = replace(self.chosen, refresh=text)
        self.bar.tell(self.state())
        self.again.set()

    def watch(self, *, shown: bool) -> None:
        """A page in the background asks nothing; seen again, it asks at once."""
        self.watched = shown
        if shown and self.interval:
            self.refresh(whole=False)

    # --- asking ---

    @property
    def interval(self) -> float | None:
        """Seconds between refreshes; None where there are none."""
        try:
            return max(seconds(self.chosen.refresh), LEAST_EVERY)
        except ValueError:
            return None

    async def keep(self) -> None:
        """Ask again as often as is chosen."""
        while True:
            self.again.clear()
            try:
                await asyncio.wait_for(self.again.wait(), self.interval)
            except TimeoutError:
                if self.watched and not self.asking:
                    self.refresh(whole=False)

    def refresh(self, *, whole: bool) -> None:
        """Ask for what is in sight; with ``whole`` for everything."""
        if self.content:
            background_tasks.create(self._ask(self.content, whole=whole), name="ask")
        self.again.set()

    async def _ask(self, content: Content, *, whole: bool) -> None:
        self.asking += 1
        self.bar.tell(self.state())
        try:
            both = content.ask(self.chosen, whole=whole), self.count_firing()
            ended = await asyncio.gather(*both, return_exceptions=True)
            self.problem = _problem(ended)
        finally:
            self.asking -= 1
            self.bar.tell(self.state())

    async def count_firing(self) -> None:
        """How many alerts fire. Raises `AskError` where the server doesn't answer at all."""
        self.firing = sum(one.state == "firing" for one in await self.hub.server.alerts())


def _problem(ended: Iterable[BaseException | None]) -> str:
    """What the reader can do something about; anything else is a fault of ours, and raised."""
    problems = [one for one in ended if one is not None]
    for one in problems:
        if not isinstance(one, AskError | ValueError):
            raise one
    return str(problems[0]) if problems else ""


def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
