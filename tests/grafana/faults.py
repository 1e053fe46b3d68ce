"""What is wrong with what Grafana shows of a dashboard, panel by panel and column by column."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

Shown = Mapping[str, Any]
"""What `show` of page/main.tsx returns about a panel."""
GREY: Final = 40
"""How far apart red, green and blue of a colour are at most that means nothing."""
SMALLEST: Final = 14
"""The pixels below which the text of a tile cannot be read from where a wall is seen."""
OWN_JOB: Final = "prometheus"
"""A job that has `up` and CPU as services have, and is none."""
NO_NUMBER: Final = {"NaN", "∞", "-∞", "Infinity", "-Infinity"}


class Fault(NamedTuple):
    """Where something is wrong: a panel, its column, value or line, and what is wrong there."""

    board: str
    panel: str
    part: str
    what: str

    def __str__(self) -> str:
        return " / ".join(filter(None, (self.board, self.panel, self.part))) + f": {self.what}"


def faults(board: Mapping[str, Any], panels: Sequence[Shown]) -> list[Fault]:
    """All faults of the panels of a dashboard."""
    made = {panel["id"]: panel for panel in board["panels"]}
    return [
        Fault(board["uid"], panel["title"], part, what)
        for panel in panels
        for part, what in _of_panel(panel, made[panel["id"]])
    ]


def _of_panel(panel: Shown, made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from (("", f"error: {error}") for error in panel["errors"])
    if panel["type"] != "text" and not is_filled(panel):
        yield "", "empty panel"
    for column in panel["columns"]:
        yield from ((column["name"], what) for what in _of_column(column))
    for value in panel["values"]:
        yield from ((value["name"], what) for what in _of_text(value, coloured=True))
    yield from _of_lines(panel, made)
    yield from _of_overrides(panel, made)
    yield from _of_layout(panel)


def is_filled(panel: Shown) -> bool:
    """Whether a panel has at least one value."""
    cells = [cell for column in panel["columns"] for cell in column["cells"]]
    return any(not cell["nothing"] for cell in (*cells, *panel["values"])) or any(
        line["points"] for line in panel["lines"]
    )


def _of_column(column: Mapping[str, Any]) -> Iterator[str]:
    cells = column["cells"]
    empty = sum(cell["nothing"] for cell in cells)
    if cells and empty == len(cells):
        yield "empty column"
    elif empty * 2 > len(cells):
        yield "mostly empty column"
    found = (what for cell in cells for what in _of_cell(cell, coloured=column["coloured"]))
    yield from dict.fromkeys(found)


def _of_cell(cell: Mapping[str, Any], *, coloured: bool) -> Iterator[str]:
    text = cell["text"].strip()
    if cell["nothing"] and text:
        yield f"word in an empty cell: {text}"
    yield from _of_text(cell, coloured=coloured)
    for link in cell["links"]:
        yield from _of_link(link, text if cell["nothing"] else "")


def _of_text(value: Mapping[str, Any], *, coloured: bool) -> Iterator[str]:
    text = value["text"].strip()
    if value["nothing"] and text and coloured and not is_grey(value["color"]):
        yield f"colour of nothing: {value['color']} {text}"
    if text in NO_NUMBER:
        yield f"no number: {text}"
    if text == OWN_JOB:
        yield f"not a service: {text}"


def _of_link(link: str, word: str) -> Iterator[str]:
    if "$" in link.replace("=$__all", ""):
        yield f"link with a variable: {link}"
    if word and word in dict(parse_qsl(urlsplit(link).query)).values():
        yield f"link that carries the word: {word}"


def is_grey(colour: str) -> bool:
    """Whether a colour says nothing; none is the colour of text."""
    found = re.fullmatch(r"#(..)(..)(..)", colour)
    if found is None:
        return not colour or colour == "text"
    channels = [int(part, 16) for part in found.groups()]
    return max(channels) - min(channels) <= GREY


def _of_lines(panel: Shown, made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for line in panel["lines"]:
        yield from ((line["name"], what) for what in _of_legend(line["name"]))
        if line["points"] == 0:
            yield line["name"], "empty line"
    names = Counter(line["name"] for line in panel["lines"])
    yield from ((name, f"legend of {count} lines") for name, count in names.items() if count > 1)
    if any(one.get("exemplar") for one in made.get("targets", ())) and not panel["exemplars"]:
        yield "", "no exemplars"


def _of_legend(name: str) -> Iterator[str]:
    if not name.strip():
        yield "legend without text"
    elif name != " ".join(name.split()):
        yield "legend with a gap: a label has no value"
    if re.search(r"\{|\w=\"|\(", name):
        yield "legend is a raw label set or a query"
    words = name.split()
    if any(one == other for one, other in pairwise(words)):
        yield "legend says a word twice"


def _of_overrides(panel: Shown, made: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """An override that meets nothing, unless a label may have the name that it is for."""
    by_label = any("{{" in one.get("legendFormat", "") for one in made.get("targets", ()))
    for override in panel["overrides"]:
        matcher = override["matcher"]
        if not override["met"] and not (by_label and matcher["id"] == "byName"):
            yield str(matcher.get("options", "")), f"override {matcher['id']} meets no line"


def _of_layout(panel: Shown) -> Iterator[tuple[str, str]]:
    layout = panel["layout"]
    if layout["hidden"] > 0:
        yield "", "table wider than its panel"
    if panel["values"] and 0 < layout["smallest"] < SMALLEST:
        yield "", f"text smaller than {SMALLEST} px"
