"""One reader's page: what it shows, and when it asks again."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from nicegui import background_tasks, ui
from nicegui.client import Client

from sidelight.viewer import alerts_page, asking, bar, slow_page
from sidelight.viewer.asking import Question
from sidelight.viewer.board import Board, Panel
from sidelight.viewer.elements import Alerts, Bar, Box, Fold
from sidelight.viewer.empty import parts, short
from sidelight.viewer.hub import Hub
from sidelight.viewer.prometheus import AskError
from sidelight.viewer.times import between, seconds
from sidelight.viewer.variables import Chosen, address, normal, read

Json = dict[str, Any]
LEAST_EVERY: Final = 1.0
"""Seconds: no address makes a page ask more often."""
START: Final = "/d/sidelight-fleet"
LAST_HOUR: Final = Chosen({}, "now-1h", "now", "10s")


class View:
    """What one browser's page shows: told to its elements, which send what has changed."""

    def __init__(self, hub: Hub, client: Client) -> None:
        self.hub, self.client = hub, client
        self.path, self.board, self.chosen = "", None, LAST_HOUR  # type: tuple[str, Board | None, Chosen]  # fmt: skip
        self.lists: Mapping[str, tuple[str, ...]] = {}
        self.boxes: dict[int, tuple[Panel, Box]] = {}
        self.asked: dict[int, Question] = {}
        self.unseen: set[int] = set()
        self.question: Question | None = None
        self.firing, self.problem, self.watched, self.busy = 0, "", True, False
        self.runbooks: dict[str, str] = {}
        self.bar = Bar(self.state())
        self.page = ui.element("main").classes("sl-page")
        self.clock = asyncio.Event()
        self._listen()

    def _listen(self) -> None:
        self.bar.on("go", lambda e: self.open(e.args["path"]))
        self.bar.on("choose", lambda e: self.choose(e.args["name"], e.args["values"]))
        self.bar.on("time", lambda e: self.span(str(e.args["from"]), str(e.args["to"])))
        self.bar.on("every", lambda e: self.every(str(e.args)))
        self.bar.on("again", lambda _: self.refresh(whole=True))
        self.bar.on("watched", lambda e: self.watch(shown=bool(e.args)))
        task = background_tasks.create(self.keep(), name="refresh")
        self.client.on_delete(lambda: _end(task))

    # --- what is shown ---

    def open(self, target: str) -> None:
        """Go to a page of the viewer."""
        found = urlsplit(target)
        before, self.path = self.path, found.path
        self.board = self.hub.boards.get(found.path.removeprefix("/d/"))
        if self.board:
            self.chosen = read(self.board, found.query)
        if before != self.path:
            self.build()
        self.refresh(whole=True)

    def build(self) -> None:
        """Elements of the page, without what they will show."""
        self.page.clear()
        self.boxes, self.unseen, self.asked, self.lists = {}, set(), {}, {}
        with self.page:
            if self.board:
                self._build_board(self.board)
            elif self.path == "/alerts":
                self.alerts = Alerts()
                self.alerts.on("runbook", lambda e: self.read_runbook(str(e.args)))
            else:
                about = "The last requests over their route's threshold, and what each of them met."
                self.slow = Box({"title": "Slow requests", "description": about}, (1, 1, 24, 1))

    def _build_board(self, board: Board) -> None:
        for section in board.sections:
            with Fold(section.title, collapsed=section.collapsed):
                for band in section.bands:
                    with ui.element("div").classes("sl-grid" if len(band) > 1 else "sl-grid alone"):
                        for panel in band:
                            self._build_panel(panel, band[0].place.y)

    def _build_panel(self, panel: Panel, top: int) -> None:
        place = panel.place
        box = Box(self.head(panel), (place.x + 1, place.y - top + 1, place.w, place.h))
        self.boxes[panel.id] = panel, box
        box.on("seen", lambda e: self.seen(panel.id, seen=bool(e.args)))
        box.on("zoom", lambda e: self.span(str(e.args["from"]), str(e.args["to"])))

    def head(self, panel: Panel) -> Json:
        """What a panel says of itself, whatever its data."""
        return {
            "title": panel.title,
            "description": panel.description,
            "legend": panel.options.get("legend", {}).get("showLegend", True) is not False,
            "small": panel.type == "stat",
            "links": [{"title": one.title, "url": one.url} for one in panel.links],
        }

    def state(self) -> Json:
        """What the bar shows."""
        board, chosen = self.board, self.chosen
        shown = short(board) if board else bar.PAGES.get(self.path, "")
        return {
            "title": f"{shown} · Sidelight" if shown else "Sidelight",
            "url": address(board.uid, chosen) if board else self.path,
            "pages": bar.pages(self.hub, self.path, chosen, self.firing),
            "variables": bar.variables(board, chosen, self.lists) if board else [],
            "timed": board is not None,
            "since": chosen.since,
            "until": chosen.until,
            "every": chosen.refresh,
            "busy": self.busy,
            "source": self._source().split("://", 1)[1],
            "problem": self.problem,
        }

    def _source(self) -> str:
        return self.hub.viewer.sidecar if self.path == "/slow" else self.hub.viewer.metrics

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
        self.clock.set()

    def watch(self, *, shown: bool) -> None:
        """A page in the background asks nothing; seen again, it asks at once."""
        self.watched = shown
        if shown and self._interval():
            self.refresh(whole=False)

    def seen(self, number: int, *, seen: bool) -> None:
        """A panel comes into sight, or leaves it: what is out of sight is asked when it comes."""
        (self.unseen.discard if seen else self.unseen.add)(number)
        if seen and self.question and self.asked.get(number) is not self.question:
            background_tasks.create(self.fill(self.question, number), name="panel")

    # --- asking ---

    async def keep(self) -> None:
        """Ask again as often as is chosen."""
        while True:
            self.clock.clear()
            try:
                await asyncio.wait_for(self.clock.wait(), self._interval() or None)
            except TimeoutError:
                if self.watched and not self.busy:
                    self.refresh(whole=False)

    def _interval(self) -> float:
        try:
            return max(seconds(self.chosen.refresh), LEAST_EVERY)
        except ValueError:
            return 0.0

    def refresh(self, *, whole: bool) -> None:
        """Ask for what is in sight; with ``whole`` for everything."""
        asked: Callable[[], Awaitable[None]]
        if self.board:
            board = self.board
            asked = lambda: self.ask_board(board, whole=whole)  # noqa: E731 one of three
        else:
            asked = self.ask_alerts if self.path == "/alerts" else self.ask_slow
        background_tasks.create(self._busy(asked()), name="ask")
        self.clock.set()

    async def _busy(self, asked: Awaitable[None]) -> None:
        self.busy = True
        self.bar.tell(self.state())
        try:
            await asked
        finally:
            self.busy = False
            self.bar.tell(self.state())

    async def ask_board(self, board: Board, *, whole: bool) -> None:
        """Its panels, from the top; what is marked on them; what can be chosen; what fires."""
        try:
            asked = between(self.chosen.since, self.chosen.until, time.time())
        except ValueError as error:
            self.problem = str(error)
            return
        question = Question(board, replace(self.chosen, lists=self.lists), asked, self.hub.server)
        if asking.asks_lists(question):
            self.lists = await asking.choices(question)
            question = replace(question, chosen=replace(self.chosen, lists=self.lists))
        question = replace(question, marks=asyncio.ensure_future(asking.marks(question)))
        self.question = question
        numbers = [n for n in self.boxes if whole or n not in self.unseen]
        await asyncio.gather(
            *(self.fill(question, number) for number in numbers),
            self.list_choices(question),
            self.count_firing(),
        )

    async def fill(self, question: Question, number: int) -> None:
        """Ask for one panel and show it, unless something else was asked meanwhile."""
        panel, box = self.boxes[number]
        self.asked[number] = question
        made = await asking.content(question, panel)
        if self.asked.get(number) is question and self.boxes.get(number) == (panel, box):
            if made["kind"] == "empty":
                made["parts"] = parts(made["text"], self.hub.boards.values(), question.chosen)
            box.tell(made)

    async def list_choices(self, question: Question) -> None:
        """What each variable could be."""
        lists = await asking.choices(question)
        if self.question is question:
            self.lists = lists
            self.bar.tell(self.state())

    async def count_firing(self) -> None:
        """How many alerts fire; whether the server answers at all."""
        try:
            self.firing = sum(one.state == "firing" for one in await self.hub.server.alerts())
            self.problem = ""
        except AskError as error:
            self.firing, self.problem = 0, str(error)

    async def ask_slow(self) -> None:
        """The page of slow requests."""
        try:
            made = slow_page.table(await self.hub.slow())
            if not made["rows"]:
                made = {"kind": "empty", "parts": [{"text": "No request was slow so far."}]}
        except AskError as error:
            made = {"kind": "error", "text": str(error)}
        self.slow.tell(made)
        await self.count_firing()

    async def ask_alerts(self) -> None:
        """The page of alerts."""
        try:
            rules = await self.hub.server.rules()
            self.firing, self.problem = alerts_page.firing(rules), ""
            body = {"groups": alerts_page.groups(rules), "problem": ""}
        except AskError as error:
            self.firing, self.problem = 0, str(error)
            body = {"groups": [], "problem": str(error)}
        self.alerts.tell({**body, "runbooks": dict(self.runbooks)})

    def read_runbook(self, name: str) -> None:
        """Show an alert's runbook below it."""
        if found := asking.runbook_html(name):
            self.runbooks[name] = found
            self.alerts.tell({**self.alerts.props["body"], "runbooks": dict(self.runbooks)})


def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
