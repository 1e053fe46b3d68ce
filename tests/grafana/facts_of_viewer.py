"""The facts about a panel in the viewer, from what it sends to the browser."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.grafana.facts import Cell, Facts, Line, cells, lines, table, target, tile

Json = Mapping[str, Any]


def of_viewer(content: Json) -> Facts:
    """The facts about a panel."""
    return {"title": content["title"], **KINDS[content["kind"]](content)}


def _text(content: Json) -> Facts:
    return {"words": re.sub("<[^>]*>", " ", content["html"]).split()}


def _empty(content: Json) -> Facts:
    return {"nothing": content["text"], "colour": content["color"]}


def _stat(content: Json) -> Facts:
    return tile((one["text"], one["color"], target("")) for one in content["values"])


def _bars(content: Json) -> Facts:
    return tile((one["text"], one["color"], target(one["href"])) for one in content["bars"])


def _table(content: Json) -> Facts:
    at, rows = content["sort"]["column"], content["rows"]
    names = [column["name"] for column in content["columns"]]
    return table(names, (list(map(_cell, row)) for row in rows), [row[at][1] for row in rows])


def _cell(cell: Any) -> Cell:
    _, text, colour, link = cell
    return text, colour, target(link)


def _chart(content: Json) -> Facts:
    option = content["option"]
    series = {one["id"]: one for one in option["series"]}
    exemplars = len(series.get("exemplars", {"data": ()})["data"])
    if "heat" not in option:
        return lines(_lines(option), exemplars)
    drawn = series["cells"]["data"]
    edges = range(len(option["heat"]["edges"]))
    return cells(
        [[value for _, row, _, value in drawn if row == edge] for edge in edges], exemplars
    )


def _lines(option: Json) -> Iterator[Line]:
    columns = {key: some for part in option["dataset"] for key, some in part["source"].items()}
    series = [one for one in option["series"] if one["id"] in columns]
    for one, legend in zip(series, option["legend"], strict=True):
        values = [value for value in columns[one["id"]] if value is not None]
        yield legend["name"], legend["last"], legend["color"], values


KINDS = {
    "text": _text,
    "empty": _empty,
    "stat": _stat,
    "bars": _bars,
    "table": _table,
    "chart": _chart,
}
