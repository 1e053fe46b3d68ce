"""The index of series by their labels. Labels are in columns: a matcher tests each value once."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from sys import getsizeof

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.history.encoding import SeriesIds
from sidelight.embedded.promql.storage import LabelMatcher, value_test

SERIES_SIZE = 190
"""The bytes of a series besides its text: entries of a dict and a list, its id, its arrays."""
LABEL_VALUE_SIZE = 160
"""The bytes of a distinct label value besides its characters."""


class LabelColumn:
    """The distinct values of one label name."""

    __slots__ = ("codes", "values")

    def __init__(self) -> None:
        self.values: list[str] = []
        self.codes: dict[str, int] = {}

    def code(self, value: str) -> int:
        """Return the number of a value; a new one for a new value."""
        found = self.codes.get(value)
        if found is None:
            found = self.codes[value] = len(self.values)
            self.values.append(value)
        return found

    def accepted(self, matcher: LabelMatcher) -> NDArray[np.bool_]:
        """Return for each value whether a matcher accepts it."""
        if matcher.op in {"=", "!="}:
            same = np.zeros(len(self.values), np.bool_)
            if matcher.value in self.codes:
                same[self.codes[matcher.value]] = True
            return same if matcher.op == "=" else ~same
        return np.fromiter(map(value_test(matcher), self.values), np.bool_, len(self.values))


class LabelTable:
    """Series that have the same label names."""

    __slots__ = ("codes", "ids", "names")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.ids = array("i")
        self.codes = array("i")

    def columns(self) -> tuple[SeriesIds, SeriesIds]:
        """Return copies of the ids, and of a row of codes for each."""
        ids = np.array(self.ids, np.int32)
        return ids, np.array(self.codes, np.int32).reshape(len(ids), len(self.names))


class SeriesIndex:
    """Series by their keys, which are the texts before their values, and by their labels."""

    def __init__(self) -> None:
        self.ids: dict[bytes, int] = {}
        self.size = 0
        self._keys: list[bytes | None] = []
        self._free: list[int] = []
        self._tables: dict[tuple[str, ...], LabelTable] = {}
        self._columns: dict[str, LabelColumn] = {}

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def width(self) -> int:
        """One more than the highest id."""
        return len(self._keys)

    def add(self, key: bytes, labels: Mapping[str, str]) -> int:
        """Add a series and return its id. ``labels`` has ``__name__`` and no empty value."""
        number = self._free.pop() if self._free else len(self._keys)
        if number == len(self._keys):
            self._keys.append(key)
        else:
            self._keys[number] = key
        self.ids[key] = number
        names = tuple(sorted(labels))
        table = self._tables.setdefault(names, LabelTable(names))
        table.ids.append(number)
        for name in names:
            table.codes.append(self._code(name, labels[name]))
        self.size += getsizeof(key) + SERIES_SIZE + 4 * len(names)
        return number

    def _code(self, name: str, value: str) -> int:
        column = self._columns.setdefault(name, LabelColumn())
        if value not in column.codes:
            self.size += LABEL_VALUE_SIZE + len(value)
        return column.code(value)

    def remove(self, removed: SeriesIds) -> None:
        """Remove these series; their ids may be used again."""
        for number in removed.tolist():
            key = self._keys[number]
            assert key is not None  # noqa: S101 for mypy: an id is removed once
            del self.ids[key]
            self._keys[number] = None
            self.size -= getsizeof(key) + SERIES_SIZE
        self._free.extend(removed.tolist())
        for names, table in list(self._tables.items()):
            self._remove_rows(names, table, removed)
        self._remove_unused_values()

    def _remove_rows(self, names: tuple[str, ...], table: LabelTable, removed: SeriesIds) -> None:
        ids, codes = table.columns()
        kept = ~np.isin(ids, removed)
        if kept.all():
            return
        self.size -= 4 * len(names) * int((~kept).sum())
        if not kept.any():
            del self._tables[names]
            return
        table.ids = array("i", ids[kept].tobytes())
        table.codes = array("i", codes[kept].tobytes())

    def _remove_unused_values(self) -> None:
        """Remove label values that no series has."""
        used: dict[str, list[NDArray[np.int32]]] = {}
        for table in self._tables.values():
            codes = table.columns()[1]
            for at, name in enumerate(table.names):
                used.setdefault(name, []).append(np.unique(codes[:, at]))
        moves = {}
        for name, column in list(self._columns.items()):
            kept = np.unique(np.concatenate(used[name])) if name in used else np.empty(0, np.int32)
            if len(kept) < len(column.values):
                moves[name] = self._renumber(name, column, kept)
        for table in self._tables.values():
            _renumber_codes(table, moves)

    def _renumber(self, name: str, column: LabelColumn, kept: SeriesIds) -> SeriesIds:
        new = LabelColumn()
        for code in kept.tolist():
            new.code(column.values[code])
        self.size -= sum(LABEL_VALUE_SIZE + len(v) for v in column.values if v not in new.codes)
        moves = np.zeros(len(column.values), np.int32)
        moves[kept] = np.arange(len(kept), dtype=np.int32)
        if new.values:
            self._columns[name] = new
        else:
            del self._columns[name]
        return moves

    def match(
        self, matchers: Sequence[LabelMatcher]
    ) -> Iterator[tuple[SeriesIds, list[dict[str, str]]]]:
        """Yield ids and labels of the series that match, for each set of label names."""
        for table, ids, codes in self._matching_tables(matchers):
            yield ids, self._labels(table.names, codes)

    def names(self, matchers: Sequence[LabelMatcher]) -> Iterator[str]:
        """Yield the label names of the series that match; some repeatedly."""
        for table, _, _ in self._matching_tables(matchers):
            yield from table.names

    def values(self, name: str, matchers: Sequence[LabelMatcher]) -> Iterator[str]:
        """Yield the values of one label of the series that match; some repeatedly."""
        for table, _, codes in self._matching_tables(matchers):
            if name in table.names:
                texts = self._columns[name].values
                used = np.unique(codes[:, table.names.index(name)])
                yield from (texts[code] for code in used.tolist())

    def _matching_tables(
        self, matchers: Sequence[LabelMatcher]
    ) -> Iterator[tuple[LabelTable, SeriesIds, SeriesIds]]:
        """Yield tables with series that match, their ids, and a row of codes for each."""
        accepted: dict[LabelMatcher, NDArray[np.bool_]] = {}
        for table in self._tables.values():
            found = self._matched(table, matchers, accepted)
            if found is not None:
                yield table, *found

    def _matched(
        self,
        table: LabelTable,
        matchers: Sequence[LabelMatcher],
        accepted: dict[LabelMatcher, NDArray[np.bool_]],
    ) -> tuple[SeriesIds, SeriesIds] | None:
        if any(m.name not in table.names and not value_test(m)("") for m in matchers):
            return None
        ids, codes = table.columns()
        for matcher in matchers:
            if matcher.name not in table.names:
                continue
            if matcher not in accepted:
                accepted[matcher] = self._columns[matcher.name].accepted(matcher)
            kept = accepted[matcher][codes[:, table.names.index(matcher.name)]]
            ids, codes = ids[kept], codes[kept]
            if not len(ids):
                return None
        return ids, codes

    def _labels(self, names: tuple[str, ...], codes: SeriesIds) -> list[dict[str, str]]:
        texts = [self._columns[name].values for name in names]
        return [
            {name: text[code] for name, text, code in zip(names, texts, row, strict=True)}
            for row in codes.tolist()
        ]


def _renumber_codes(table: LabelTable, moves: Mapping[str, SeriesIds]) -> None:
    if not moves.keys() & set(table.names):
        return
    codes = table.columns()[1]
    for at, name in enumerate(table.names):
        if name in moves:
            codes[:, at] = moves[name][codes[:, at]]
    table.codes = array("i", codes.tobytes())
