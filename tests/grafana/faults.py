"""What is wrong with what Grafana shows of a dashboard, panel by panel and column by column."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from tests.grafana import cell_faults, line_faults
from tests.grafana.drawing import Shown

Panel = Mapping[str, Any]
"""What `shown` of page/shown.ts returns about a panel."""
SMALLEST: Final = 14
"""The pixels below which the text of a tile cannot be read from where a wall is seen."""

TILES: Final = {"stat", "bargauge"}
SCROLL_BAR: Final = 20
"""The pixels that a scroll bar may hide of a table."""


class Fault(NamedTuple):
    """Where something is wrong: a panel, its column, value or line, and what is wrong there."""

    board: str
    panel: str
    part: str
    what: str

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.board, self.panel, self.part))) + f": {self.what}"


def faults(board: Mapping[str, Any], shown: Shown) -> list[Fault]:
    """All faults of a dashboard as it is shown."""
    saved = {panel["id"]: panel for panel in board["panels"]}
    silent = [
        Fault(board["uid"], "variables", one["name"], "nothing to choose")
        for one in shown.variables
        if not one["options"]
    ]
    return silent + [
        Fault(board["uid"], saved[panel["id"]]["title"], part, what)
        for panel in shown.panels
        for part, what in _of_panel(panel, saved[panel["id"]])
    ]


def _of_panel(panel: Panel, saved: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from (("", what) for what in _of_whole(panel, saved))
    for column in panel["columns"]:
        yield from ((column["name"], what) for what in cell_faults.of_column(column))
    for value in panel["values"]:
        yield from ((value["name"], what) for what in cell_faults.of_value(value))
    yield from line_faults.of_lines(panel)
    yield from line_faults.of_scale(panel, saved)
    if is_filled(panel):
        yield from line_faults.of_overrides(panel, saved)


def _of_whole(panel: Panel, saved: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"error: {error}" for error in panel["errors"])
    if panel["type"] != "text" and not is_filled(panel):
        yield "empty panel"
    if "$" in panel["title"]:
        yield "title with a variable"
    if panel["layout"]["cut"]:
        yield "cut title"
    if any(one.get("exemplar") for one in saved.get("targets", ())) and not panel["exemplars"]:
        yield "no exemplars"
    if panel["type"] == "table":
        yield from _of_table(panel, saved)
    if panel["type"] in TILES and not panel["content"].strip():
        yield "tile without a text"
    elif panel["type"] in TILES and panel["layout"]["smallest"] < SMALLEST:
        yield f"text smaller than {SMALLEST} px"


def _of_table(panel: Panel, saved: Mapping[str, Any]) -> Iterator[str]:
    if panel["frames"] > 1:
        yield "table of several frames, of which one is shown"
    if panel["layout"]["hidden"] > SCROLL_BAR:
        yield "table wider than its panel"
    names = {column["name"] for column in panel["columns"]}
    for by in saved["options"].get("sortBy", ()):
        if names and by["displayName"] not in names:
            yield f"sorted by a column that is not there: {by['displayName']}"


def is_filled(panel: Panel) -> bool:
    """Whether a panel has at least one value."""
    cells = [cell for column in panel["columns"] for cell in column["cells"]]
    return any(not cell["nothing"] for cell in (*cells, *panel["values"])) or any(
        line["values"] for line in panel["lines"]
    )
