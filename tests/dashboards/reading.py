"""The shipped dashboards, and their queries as Grafana sends them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
JSON = ROOT / "dashboards" / "json"
RULES = ROOT / "deploy" / "prometheus" / "rules"
NATIVE = ("sidelight-fleet", "sidelight-service", "sidelight-route", "sidelight-objectives")
"""The dashboards that work for services without Sidelight."""
WINDOWS = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "1h"}
EVERY = {"$job": ".+", "$instance": ".+", "$route": ".*", "$method": ".*"}

Made = dict[str, Any]


class PanelQuery(NamedTuple):
    """One query of a panel."""

    uid: str
    panel: str
    target: Made
    empty: str
    """The text of the panel where there is no data."""

    @property
    def expr(self) -> str:
        return str(self.target["expr"])

    def __str__(self) -> str:
        return f"{self.uid}: {self.panel} {self.target['refId']}"


def dashboards(folder: Path = JSON) -> list[Made]:
    """All of them, by file name."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def panels(board: Made) -> Iterator[Made]:
    """Every panel but the headings."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel


def queries(board: Made) -> Iterator[PanelQuery]:
    """Every query of every panel."""
    for panel in panels(board):
        for target in panel.get("targets", ()):
            empty = panel["fieldConfig"]["defaults"]["noValue"]
            yield PanelQuery(board["uid"], panel["title"], target, empty)


def variables(board: Made) -> list[Made]:
    """The variables of a dashboard."""
    return list(board["templating"]["list"])


def variable_query(variable: Made) -> tuple[str, str]:
    """The query of a variable, and the label of `label_values`; none of `query_result`."""
    text = variable["query"]["query"]
    if found := re.fullmatch(r"query_result\((.+)\)", text):
        return found[1], ""
    found = re.fullmatch(r"label_values\((.+), ([a-z_]+)\)", text)
    assert found, text
    return found[1], found[2]


def sent(expr: str, **chosen: str) -> str:
    """A query with its variables filled in; a variable that is not chosen is All."""
    values = {**WINDOWS, **EVERY, **{f"${name}": text for name, text in chosen.items()}}
    for name in sorted(values, key=len, reverse=True):
        expr = expr.replace(name, values[name])
    return expr
