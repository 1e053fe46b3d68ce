"""The queries that Grafana sends when a dashboard is opened with All selected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.dashboards.engine import Answer, get

JSON = Path(__file__).parents[2] / "dashboards" / "json"
SCREEN = (1400, 900)
"""Width and height in pixels."""
AROUND, UNIT = 130, 38
"""The pixels of Grafana's header with the variables, and of a grid unit with its gap."""
FIRST = (SCREEN[1] - AROUND) // UNIT
"""Panels that begin above this grid unit are on the first screen."""
SCRAPED = 30
FILLED = {
    # Grafana's value: the larger of step + scrape interval and four scrape intervals.
    "$__rate_interval": f"{4 * SCRAPED}s",
    "$__interval": f"{SCRAPED}s",
    "$__range": "1h",
    "$instance": ".+",
    "$method": ".*",
    "$route": ".*",
    "$job": ".+",
}
HOUR = 3600


class SentQuery(NamedTuple):
    """A query of a dashboard; ``step`` is None for an instant query."""

    board: str
    name: str
    path: str
    query: str
    step: str | None
    first: bool

    @property
    def variable(self) -> bool:
        """Whether it is the query of a variable."""
        return self.name.startswith("variable ")

    def send(self, port: int, until: int) -> Answer:
        """To a Prometheus, about the hour before ``until``."""
        times = {"start": str(until - HOUR), "end": str(until)}
        if self.path != "query":
            return get(port, self.path, **{"match[]": self.query}, **times)
        if self.step is None:
            return get(port, "query", query=self.query, time=str(until))
        return get(port, "query_range", query=self.query, step=self.step, **times)


def all_queries() -> Iterator[SentQuery]:
    """The queries of all dashboards: variables first, then panels from top to bottom."""
    for path in sorted(JSON.glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        yield from _variables(board)
        for panel in sorted(board["panels"], key=lambda one: int(one["gridPos"]["y"])):
            yield from _panel(board["uid"], panel)


def filled(text: str) -> str:
    """A query with All selected."""
    for variable, value in FILLED.items():
        text = text.replace(variable, value)
    return text


def _variables(board: dict[str, Any]) -> Iterator[SentQuery]:
    for one in board["templating"]["list"]:
        if one["type"] == "query":
            kind, _, inside = one["query"]["query"].removesuffix(")").partition("(")
            selector, _, label = inside.rpartition(", ")
            text, path = (
                (inside, "query") if kind == "query_result" else (selector, f"label/{label}/values")
            )
            name = f"variable {one['name']}"
            yield SentQuery(board["uid"], name, path, filled(text), None, first=True)


def _panel(uid: str, panel: dict[str, Any]) -> Iterator[SentQuery]:
    for target in panel.get("targets", ()):
        step = None if target.get("instant") else panel.get("interval", f"{SCRAPED}s")
        name = f"{panel['title']} {target['refId']}"
        first = panel["gridPos"]["y"] < FIRST
        yield SentQuery(uid, name, "query", filled(target["expr"]), step, first)
