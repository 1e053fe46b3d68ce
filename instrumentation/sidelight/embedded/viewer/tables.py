"""A table's columns and cells, each with its text, its colour and where it leads."""

from collections.abc import Sequence
from typing import Any, Final

from sidelight.embedded.viewer.board import Panel
from sidelight.embedded.viewer.fields import Field, field
from sidelight.embedded.viewer.prometheus import Answer
from sidelight.embedded.viewer.transform import Cell, Table, ordered, table
from sidelight.embedded.viewer.variables import Chosen, link

Json = dict[str, Any]
NOTHING: Final = "-"
EMPTY: Final = "(empty)"
"""A label without a text: there must be something to click."""


def content(panel: Panel, answers: Sequence[Answer], chosen: Chosen) -> Json | None:
    """Columns and rows; None where there is no row.

    A cell is [what it is sorted by, text, colour, address].
    """
    made = table(panel, answers)
    if not made.rows:
        return None
    by = (panel.options.get("sortBy") or [{}])[0]
    column, descending = by.get("displayName", ""), bool(by.get("desc"))
    made = ordered(made, column, descending=descending)
    fields = [field(panel, name) for name in made.columns]
    words = [any(isinstance(row[at], str) for row in made.rows) for at in range(len(fields))]
    return {
        "columns": [
            {"name": found.get("displayName", name), "number": not worded}
            for name, found, worded in zip(made.columns, fields, words, strict=True)
        ],
        "rows": [_row(made, row, fields, chosen) for row in made.rows],
        "sort": {
            "column": made.columns.index(column) if column in made.columns else -1,
            "descending": descending,
        },
    }


def _row(made: Table, row: Sequence[Cell], fields: Sequence[Field], chosen: Chosen) -> list[Json]:
    raw = {
        name: "" if cell is None else str(cell)
        for name, cell in zip(made.columns, row, strict=True)
    }
    return [_cell(cell, found, raw, chosen) for cell, found in zip(row, fields, strict=True)]


def _cell(cell: Cell, found: Field, row: dict[str, str], chosen: Chosen) -> Any:
    text, colour = written(cell, found)
    links = found.get("links") or ()
    address = link(links[0]["url"], chosen, row) if links and cell is not None else ""
    return [cell if cell == cell else None, text, colour, address]  # noqa: PLR0124 NaN is not itself


def written(cell: Cell, found: Field) -> tuple[str, str]:
    """A cell's text and colour."""
    if cell is None or cell != cell:  # noqa: PLR0124 as above
        return NOTHING, ""
    if isinstance(cell, str):
        return cell or EMPTY, ""
    coloured = found.get("custom.cellOptions", {}).get("type") == "color-text"
    return found.text(cell), found.verdict(cell) if coloured else ""
