"""The facts about a panel in Grafana, from what `shown` of page/shown.ts says of it."""

from collections.abc import Mapping
from typing import Any

from sidelight.embedded.viewer.timeseries import MAX_EXEMPLARS
from tests.grafana.facts import Cell, Facts, cells, lines, table, target, tile
from tests.grafana.faults import TILES, is_filled

Json = Mapping[str, Any]
LEAST = 1e-9
"""What a cell of a heatmap has to exceed, as the dashboards say, which is more than no request."""


def of_grafana(panel: Json) -> Facts:
    """The facts about a panel."""
    return {"title": panel["title"], **_content(panel)}


def _content(panel: Json) -> Facts:
    kind, exemplars = panel["type"], min(panel["exemplars"], MAX_EXEMPLARS)
    if kind == "text":
        return {"words": panel["content"].split()}
    if not is_filled(panel):
        colour = panel["values"][0]["color"] if kind in TILES else ""
        word, drawn = panel["word"], panel["content"]
        return {"nothing": word if drawn.endswith(word) else drawn, "colour": colour}
    if kind == "table":
        return _table(panel)
    if kind in TILES:
        return tile(map(_cell, panel["values"]))
    if kind == "heatmap":
        return cells(
            [[one for one in line["values"] if one > LEAST] for line in panel["lines"]], exemplars
        )
    each = ((one["name"], one["text"], one["color"], one["values"]) for one in panel["lines"])
    return lines(each, exemplars)


def _table(panel: Json) -> Facts:
    columns = panel["columns"]
    names = [column["name"] for column in columns]
    rows = zip(
        *(
            [_cell(one, coloured=column["coloured"]) for one in column["cells"]]
            for column in columns
        ),
        strict=True,
    )
    at = names.index(panel["sorted"])
    return table(names, rows, [row[at] for row in panel["rows"]])


def _cell(value: Json, *, coloured: bool = True) -> Cell:
    colour = value["color"] if coloured and not value["nothing"] else ""
    link = "".join(value["links"][:1]) if value["text"] else ""  # nothing cannot be clicked
    return value["text"], colour, target(link)
