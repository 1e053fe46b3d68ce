"""Tables from answers, and Grafana's transformations of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sidelight.embedded.viewer.board import Panel
from sidelight.embedded.viewer.prometheus import Answer

TIME: Final = "Time"
Cell = float | str | None


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by name, and rows as wide as they are."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def table(panel: Panel, answers: Sequence[Answer]) -> Table:
    """What a panel of type table shows, before its formats."""
    alone = len(panel.targets) == 1
    tables = [
        of_answer(answer, "Value" if alone else f"Value #{target.ref}")
        for target, answer in zip(panel.targets, answers, strict=True)
    ]
    merging = any(one["id"] == "merge" for one in panel.transformations)
    made = merge(tables) if merging or alone else tables[0]
    for one in panel.transformations:
        made = _transformed(made, one["id"], one.get("options") or {})
    return made


def of_answer(answer: Answer, value: str) -> Table:
    """A row a series: its newest time and value, and its labels by their names."""
    labels = sorted({name for one in answer.series for name in one.labels})
    rows = tuple(
        (one.times[-1], *(one.labels.get(name) for name in labels), one.values[-1])
        for one in answer.series
        if one.times
    )
    return Table((TIME, *labels, value), rows)


def merge(tables: Sequence[Table]) -> Table:
    """One table: rows that have the same in every column they share become one.

    Times don't tell rows apart, since all queries of a table are of one moment.
    """
    columns = tuple(dict.fromkeys(name for one in tables for name in one.columns))
    sets = [set(one.columns) for one in tables if one.rows]
    keys = [name for name in columns if name != TIME and all(name in one for one in sets)]
    if len(sets) == 1:
        return Table(columns, tuple(_wide(one, row, columns) for one in tables for row in one.rows))
    rows: dict[tuple[Cell, ...], list[dict[str, Cell]]] = {}
    for one in tables:
        for row in one.rows:
            found = dict(zip(one.columns, row, strict=True))
            _join(rows.setdefault(tuple(found[name] for name in keys), []), found)
    merged = (row for alike in rows.values() for row in alike)
    return Table(columns, tuple(tuple(map(row.get, columns)) for row in merged))


def _join(alike: list[dict[str, Cell]], found: dict[str, Cell]) -> None:
    """Into the first row that says nothing else in any column; else it is a row of its own."""
    for row in alike:
        if all(row.get(name, value) == value for name, value in found.items() if name != TIME):
            row.update(found)
            return
    alike.append(found)


def _wide(one: Table, row: Sequence[Cell], columns: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(map(dict(zip(one.columns, row, strict=True)).get, columns))


def organize(made: Table, options: Mapping[str, Any]) -> Table:
    """Columns left out, put in order, and named anew."""
    without, names = options.get("excludeByName", {}), options.get("renameByName", {})
    order = options.get("indexByName", {})
    kept = [name for name in made.columns if not without.get(name)]
    kept.sort(key=lambda name: order.get(name, len(order) + made.columns.index(name)))
    rows = tuple(_wide(made, row, kept) for row in made.rows)
    return Table(tuple(names.get(name) or name for name in kept), rows)


def _transformed(made: Table, name: str, options: Mapping[str, Any]) -> Table:
    if name == "organize":
        return organize(made, options)
    if name == "limit":
        return Table(made.columns, made.rows[: int(options.get("limitField", len(made.rows)))])
    if name == "sortBy" and (by := options.get("sort")):
        return ordered(made, by[0]["field"], descending=by[0].get("desc", False))
    return made  # merge is done; what isn't known is named on the panel


def ordered(made: Table, column: str, *, descending: bool) -> Table:
    """Rows by a column; those without a value come last either way."""
    if column not in made.columns:
        return made
    at = made.columns.index(column)
    known = [row for row in made.rows if _known(row[at])]
    known.sort(key=lambda row: _key(row[at]), reverse=descending)
    return Table(made.columns, (*known, *(row for row in made.rows if not _known(row[at]))))


def _known(cell: Cell) -> bool:
    return cell is not None and cell == cell  # noqa: PLR0124 NaN is not itself


def _key(cell: Cell) -> tuple[bool, Any]:
    return isinstance(cell, str), cell
