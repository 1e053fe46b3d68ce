"""Table panels: data frames, Grafana's transformations of them, and cells."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sidelight.embedded.viewer.dashboard import Panel
from sidelight.embedded.viewer.fields import FieldConfig, field_config
from sidelight.embedded.viewer.query_result import QueryResult
from sidelight.embedded.viewer.variables import PageState, data_link

TIME: Final = "Time"
RUNBOOK: Final = re.compile(r"https?://.*/runbooks/(\w+)\.md")
Cell = float | str | None
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DataFrame:
    """The names of the columns, and rows with a cell for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def content(panel: Panel, results: Sequence[QueryResult], state: PageState) -> Json | None:
    """Columns and rows for the browser; None if there is no row.

    A cell is [the value to sort by, text, color, address].
    """
    frame = transformed(panel, results)
    if not frame.rows:
        return None
    sort_by = (panel.options.get("sortBy") or [{}])[0]
    column, descending = sort_by.get("displayName", ""), bool(sort_by.get("desc"))
    frame = sort(frame, column, descending=descending)
    fields = [field_config(panel, name) for name in frame.columns]
    shown = [at for at, field in enumerate(fields) if not _is_hidden(field)]
    names = [frame.columns[at] for at in shown]
    text = [any(isinstance(row[at], str) for row in frame.rows) for at in range(len(fields))]
    return {
        "columns": [
            {"name": fields[at].get("displayName", name), "number": not text[at]}
            for at, name in zip(shown, names, strict=True)
        ],
        "rows": [_cells(frame, row, fields, shown, state) for row in frame.rows],
        "sort": {
            "column": names.index(column) if column in names else -1,
            "descending": descending,
        },
    }


def _is_hidden(field: FieldConfig) -> bool:
    """Whether a column is hidden, as Grafana says it since version 12, or said it before."""
    return bool(field.get("custom.hideFrom", {}).get("viz") or field.get("custom.hidden"))


def _cells(
    frame: DataFrame,
    row: Sequence[Cell],
    fields: Sequence[FieldConfig],
    shown: Sequence[int],
    state: PageState,
) -> list[Json]:
    texts = {
        name: "" if cell is None else str(cell)
        for name, cell in zip(frame.columns, row, strict=True)
    }
    return [_cell(row[at], fields[at], texts, state) for at in shown]


def _cell(cell: Cell, field: FieldConfig, row: dict[str, str], state: PageState) -> Any:
    text, color = str(field.get("noValue", "")), ""
    if isinstance(cell, str) and cell:
        text = cell
    elif _has_value(cell) and not isinstance(cell, str):
        colored = field.get("custom.cellOptions", {}).get("type") == "color-text"
        text, color = field.format(cell or 0), field.threshold_color(cell or 0) if colored else ""
    links = field.get("links") or ()
    address = data_link(links[0]["url"], state, row) if links and text else ""
    # A runbook is shown by the viewer's own page of alerts.
    address = RUNBOOK.sub(r"/alerts?open=\1", address)
    return [cell if _has_value(cell) else None, text, color, address]


def transformed(panel: Panel, results: Sequence[QueryResult]) -> DataFrame:
    """The data frame of a panel, after its transformations."""
    single = len(panel.queries) == 1
    frames = [
        data_frame(result, "Value" if single else f"Value #{query.ref_id}")
        for query, result in zip(panel.queries, results, strict=True)
    ]
    merged = single or any(one["id"] == "merge" for one in panel.transformations)
    frame = merge(frames) if merged else frames[0]
    for one in panel.transformations:
        frame = _transform(frame, one["id"], one.get("options") or {})
    return frame


def data_frame(result: QueryResult, value: str) -> DataFrame:
    """A row for each series: its latest time, its labels, and its latest value."""
    labels = sorted({name for series in result.series for name in series.labels})
    rows = tuple(
        (series.times[-1], *(series.labels.get(name) for name in labels), series.values[-1])
        for series in result.series
        if series.times
    )
    return DataFrame((TIME, *labels, value), rows)


def merge(frames: Sequence[DataFrame]) -> DataFrame:
    """One frame: rows that are equal in every column which the frames share become one row.

    The column ``Time`` is not compared, since all queries of a table are evaluated at one time.
    """
    columns = tuple(dict.fromkeys(name for frame in frames for name in frame.columns))
    shared = [set(frame.columns) for frame in frames if frame.rows]
    keys = [name for name in columns if name != TIME and all(name in one for one in shared)]
    if len(shared) == 1:
        return DataFrame(
            columns, tuple(_select(frame, row, columns) for frame in frames for row in frame.rows)
        )
    groups: dict[tuple[Cell, ...], list[dict[str, Cell]]] = {}
    for frame in frames:
        for row in frame.rows:
            cells = dict(zip(frame.columns, row, strict=True))
            _join(groups.setdefault(tuple(cells[name] for name in keys), []), cells)
    rows = (row for group in groups.values() for row in group)
    return DataFrame(columns, tuple(tuple(map(row.get, columns)) for row in rows))


def _join(group: list[dict[str, Cell]], cells: dict[str, Cell]) -> None:
    """Add the cells to the first row that they do not contradict, or as a new row."""
    for row in group:
        if all(row.get(name, value) == value for name, value in cells.items() if name != TIME):
            row.update(cells)
            return
    group.append(cells)


def _select(frame: DataFrame, row: Sequence[Cell], columns: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(map(dict(zip(frame.columns, row, strict=True)).get, columns))


def organize(frame: DataFrame, options: Mapping[str, Any]) -> DataFrame:
    """Columns excluded, put in order, and renamed."""
    excluded, names = options.get("excludeByName", {}), options.get("renameByName", {})
    order = options.get("indexByName", {})
    kept = [name for name in frame.columns if not excluded.get(name)]
    kept.sort(key=lambda name: order.get(name, len(order) + frame.columns.index(name)))
    rows = tuple(_select(frame, row, kept) for row in frame.rows)
    return DataFrame(tuple(names.get(name) or name for name in kept), rows)


def _transform(frame: DataFrame, name: str, options: Mapping[str, Any]) -> DataFrame:
    if name == "organize":
        return organize(frame, options)
    if name == "limit":
        limit = int(options.get("limitField", len(frame.rows)))
        return DataFrame(frame.columns, frame.rows[:limit])
    if name == "sortBy" and (by := options.get("sort")):
        return sort(frame, by[0]["field"], descending=by[0].get("desc", False))
    return frame  # merged already, or named on the panel as unsupported


def sort(frame: DataFrame, column: str, *, descending: bool) -> DataFrame:
    """Rows in the order of a column; rows without a value come last."""
    if column not in frame.columns:
        return frame
    at = frame.columns.index(column)
    rows = [row for row in frame.rows if _has_value(row[at])]
    rows.sort(key=lambda row: _sort_key(row[at]), reverse=descending)
    without = (row for row in frame.rows if not _has_value(row[at]))
    return DataFrame(frame.columns, (*rows, *without))


def _has_value(cell: Cell) -> bool:
    return cell is not None and not (isinstance(cell, float) and math.isnan(cell))


def _sort_key(cell: Cell) -> tuple[bool, Any]:
    return isinstance(cell, str), cell
