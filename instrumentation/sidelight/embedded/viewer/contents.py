"""What is below the bar: a dashboard, slow requests, or alerts. Each asks, and shows the answer."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from nicegui import background_tasks, ui

from sidelight.embedded.viewer import alerts_page, asking, slow_page
from sidelight.embedded.viewer.asking import Question
from sidelight.embedded.viewer.board import Board, Panel
from sidelight.embedded.viewer.elements import Alerts, Box, Fold
from sidelight.embedded.viewer.empty import parts
from sidelight.embedded.viewer.hub import Hub
from sidelight.embedded.viewer.prometheus import AskError
from sidelight.embedded.viewer.times import between
from sidelight.embedded.viewer.variables import Chosen

Json = dict[str, Any]
Span = Callable[[str, str], None]


class Content(Protocol):
    """What a page shows. Made where its elements are to be."""

    async def ask(self, chosen: Chosen, *, whole: bool) -> None:
        """Ask anew for what is in sight, with ``whole`` for everything.

        Raises `AskError` and ValueError where the page as a whole can't be shown.
        """


class Dashboard:
    """The panels of a dashboard. A drag across a graph tells ``span`` its ends."""

    def __init__(self, hub: Hub, board: Board, span: Span) -> None:
        self.hub, self.board, self.span = hub, board, span
        self.lists: Mapping[str, tuple[str, ...]] = {}
        self.question: Question | None = None
        self._boxes: dict[int, tuple[Panel, Box]] = {}
        self._asked: dict[int, Question] = {}
        self._unseen: set[int] = set()
        for section in board.sections:
            with Fold(section.title, collapsed=section.collapsed):
                for band in section.bands:
                    with ui.element("div").classes("sl-grid" if len(band) > 1 else "sl-grid alone"):
                        for panel in band:
                            self._add(panel, band[0].place.y)

    def _add(self, panel: Panel, top: int) -> None:
        place = panel.place
        box = Box(head(panel), (place.x + 1, place.y - top + 1, place.w, place.h))
        self._boxes[panel.id] = panel, box
        box.on("seen", lambda e: self._seen(panel.id, seen=bool(e.args)))
        box.on("zoom", lambda e: self.span(str(e.args["from"]), str(e.args["to"])))

    def _seen(self, number: int, *, seen: bool) -> None:
        """A panel comes into sight, or leaves it: what is out of sight is asked when it comes."""
        (self._unseen.discard if seen else self._unseen.add)(number)
        if seen and self.question and self._asked.get(number) is not self.question:
            background_tasks.create(self._fill(self.question, number), name="panel")

    async def ask(self, chosen: Chosen, *, whole: bool) -> None:
        """Panels from the top, what is marked on them, and what can be chosen."""
        asked = between(chosen.since, chosen.until, time.time())
        finest = self.hub.viewer.step
        question = Question(
            self.board, replace(chosen, lists=self.lists), asked, self.hub.server, finest=finest
        )
        if asking.asks_lists(question):
            self.lists = await asking.choices(question)
            question = replace(question, chosen=replace(chosen, lists=self.lists))
        question = replace(question, marks=asyncio.ensure_future(asking.marks(question)))
        self.question = question
        numbers = [n for n in self._boxes if whole or n not in self._unseen]
        await asyncio.gather(
            *(self._fill(question, number) for number in numbers), self._list(question)
        )

    async def _fill(self, question: Question, number: int) -> None:
        """Ask for one panel and show it, unless something else was asked meanwhile."""
        panel, box = self._boxes[number]
        self._asked[number] = question
        made = await asking.content(question, panel)
        if self._asked[number] is question:
            if made["kind"] == "empty":
                made["parts"] = parts(made["text"], self.hub.boards.values(), question.chosen)
            box.tell(made)

    async def _list(self, question: Question) -> None:
        lists = await asking.choices(question)
        if self.question is question:
            self.lists = lists


def head(panel: Panel) -> Json:
    """What a panel says of itself, whatever its data."""
    return {
        "title": panel.title,
        "description": panel.description,
        "legend": panel.options.get("legend", {}).get("showLegend", True) is not False,
        "small": panel.type == "stat",
        "links": [{"title": one.title, "url": one.url} for one in panel.links],
    }


class SlowRequests:
    """The sidecar's last slow requests."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        about = "The last requests over their route's threshold, and what each of them met."
        self._box = Box({"title": "Slow requests", "description": about}, (1, 1, 24, 1))

    async def ask(self, _: Chosen, *, whole: bool) -> None:  # noqa: ARG002 one panel is the whole
        """All of them."""
        try:
            made = slow_page.table(await self._hub.slow())
        except AskError as error:
            made = {"kind": "error", "text": str(error)}
        if made.get("rows") == []:
            made = {"kind": "empty", "parts": [{"text": "No request was slow so far."}]}
        self._box.tell(made)


class AlertList:
    """Alerts and rules. ``open`` is the alert whose runbook is shown at first."""

    def __init__(self, hub: Hub, opened: str) -> None:
        self._hub = hub
        self._body: Json = {"groups": [], "problem": "", "runbooks": {}, "open": opened}
        self._element = Alerts()
        self._element.on("runbook", lambda e: self._read(str(e.args)))
        if opened:
            self._read(opened)

    async def ask(self, _: Chosen, *, whole: bool) -> None:  # noqa: ARG002 one list is the whole
        """All of them."""
        try:
            groups = alerts_page.groups(await self._hub.server.rules())
            self._tell(groups=groups, problem="")
        except AskError as error:
            self._tell(groups=[], problem=str(error))

    def _read(self, name: str) -> None:
        if found := asking.runbook_html(name):
            self._tell(runbooks={**self._body["runbooks"], name: found})

    def _tell(self, **changed: Any) -> None:
        self._body = {**self._body, **changed}
        self._element.tell(self._body)
