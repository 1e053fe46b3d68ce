"""Which series there are: their labels in columns, so that a matcher looks at each value once."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from sys import getsizeof

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.history.words import Ids
from sidelight.embedded.promql.matching import condition
from sidelight.embedded.promql.source import Matcher

A_SERIES = 190
"""Bytes a series costs besides its text: places in a dict and a list, its id, its arrays."""
A_TEXT = 160
"""Bytes a distinct label value costs besides its characters."""


class Column:
    """The distinct values of one label name."""

    __slots__ = ("codes", "values")

    def __init__(self) -> None:
        self.values: list[str] = []
        self.codes: dict[str, int] = {}

    def code(self, value: str) -> int:
        """The number of a value; a new one for a new value."""
        found = self.codes.get(value)
        if found is None:
            found = self.codes[value] = len(self.values)
            self.values.append(value)
        return found

    def accepted(self, matcher: Matcher) -> NDArray[np.bool_]:
        """For each value whether a matcher takes it."""
        if matcher.op in {"=", "!="}:
            same = np.zeros(len(self.values), np.bool_)
            if matcher.value in self.codes:
                same[self.codes[matcher.value]] = True
            return same if matcher.op == "=" else ~same
        return np.fromiter(map(condition(matcher), self.values), np.bool_, len(self.values))


class Table:
    """Series that have the same label names."""

    __slots__ = ("codes", "ids", "names")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.ids = array("i")
        self.codes = array("i")

    def columns(self) -> tuple[Ids, Ids]:
        """Ids, and a row of codes for each. They are copies."""
        ids = np.array(self.ids, np.int32)
        return ids, np.array(self.codes, np.int32).reshape(len(ids), len(self.names))


class Registry:
    """Series by the text that stands before their value, and by their labels."""

    def __init__(self) -> None:
        self.ids: dict[bytes, int] = {}
        self.size = 0
        self._keys: list[bytes | None] = []
        self._free: list[int] = []
        self._tables: dict[tuple[str, ...], Table] = {}
        self._columns: dict[str, Column] = {}

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def width(self) -> int:
        """One more than the highest id."""
        return len(self._keys)

    def add(self, key: bytes, labels: Mapping[str, str]) -> int:
        """The id of a new series. ``labels`` has ``__name__`` and no empty value."""
        number = self._free.pop() if self._free else len(self._keys)
        if number == len(self._keys):
            self._keys.append(key)
        else:
            self._keys[number] = key
        self.ids[key] = number
        names = tuple(sorted(labels))
        table = self._tables.setdefault(names, Table(names))
        table.ids.append(number)
        for name in names:
            table.codes.append(self._code(name, labels[name]))
        self.size += getsizeof(key) + A_SERIES + 4 * len(names)
        return number

    def _code(self, name: str, value: str) -> int:
        column = self._columns.setdefault(name, Column())
        if value not in column.codes:
            self.size += A_TEXT + len(value)
        return column.code(value)

    def remove(self, gone: Ids) -> None:
        """Forget these ids, so that they can be given again."""
        for number in gone.tolist():
            key = self._keys[number]
            assert key is not None  # noqa: S101 for mypy: an id is removed once
            del self.ids[key]
            self._keys[number] = None
            self.size -= getsizeof(key) + A_SERIES
        self._free.extend(gone.tolist())
        for names, table in list(self._tables.items()):
            self._thin(names, table, gone)
        self._shrink()

    def _thin(self, names: tuple[str, ...], table: Table, gone: Ids) -> None:
        ids, codes = table.columns()
        stay = ~np.isin(ids, gone)
        if stay.all():
            return
        self.size -= 4 * len(names) * int((~stay).sum())
        if not stay.any():
            del self._tables[names]
            return
        table.ids = array("i", ids[stay].tobytes())
        table.codes = array("i", codes[stay].tobytes())

    def _shrink(self) -> None:
        """Forget values that no series has."""
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
            _move(table, moves)

    def _renumber(self, name: str, column: Column, kept: Ids) -> Ids:
        new = Column()
        for code in kept.tolist():
            new.code(column.values[code])
        self.size -= sum(A_TEXT + len(v) for v in column.values if v not in new.codes)
        moves = np.zeros(len(column.values), np.int32)
        moves[kept] = np.arange(len(kept), dtype=np.int32)
        if new.values:
            self._columns[name] = new
        else:
            del self._columns[name]
        return moves

    def match(self, matchers: Sequence[Matcher]) -> Iterator[tuple[Ids, list[dict[str, str]]]]:
        """Ids, and their labels, of series that fit; in one piece for each set of names."""
        for table, ids, codes in self._fitting(matchers):
            yield ids, self._labels(table.names, codes)

    def names(self, matchers: Sequence[Matcher]) -> Iterator[str]:
        """Label names of series that fit; some more than once."""
        for table, _, _ in self._fitting(matchers):
            yield from table.names

    def values(self, name: str, matchers: Sequence[Matcher]) -> Iterator[str]:
        """Values that series that fit have of one label; some more than once."""
        for table, _, codes in self._fitting(matchers):
            if name in table.names:
                texts = self._columns[name].values
                used = np.unique(codes[:, table.names.index(name)])
                yield from (texts[code] for code in used.tolist())

    def _fitting(self, matchers: Sequence[Matcher]) -> Iterator[tuple[Table, Ids, Ids]]:
        """Tables that have series that fit: their ids, and a row of codes for each."""
        accepted: dict[Matcher, NDArray[np.bool_]] = {}
        for table in self._tables.values():
            found = self._matched(table, matchers, accepted)
            if found is not None:
                yield table, *found

    def _matched(
        self,
        table: Table,
        matchers: Sequence[Matcher],
        accepted: dict[Matcher, NDArray[np.bool_]],
    ) -> tuple[Ids, Ids] | None:
        if any(m.name not in table.names and not condition(m)("") for m in matchers):
            return None
        ids, codes = table.columns()
        for matcher in matchers:
            if matcher.name not in table.names:
                continue
            if matcher not in accepted:
                accepted[matcher] = self._columns[matcher.name].accepted(matcher)
            stay = accepted[matcher][codes[:, table.names.index(matcher.name)]]
            ids, codes = ids[stay], codes[stay]
            if not len(ids):
                return None
        return ids, codes

    def _labels(self, names: tuple[str, ...], codes: Ids) -> list[dict[str, str]]:
        texts = [self._columns[name].values for name in names]
        return [
            {name: text[code] for name, text, code in zip(names, texts, row, strict=True)}
            for row in codes.tolist()
        ]


def _move(table: Table, moves: Mapping[str, Ids]) -> None:
    if not moves.keys() & set(table.names):
        return
    codes = table.columns()[1]
    for at, name in enumerate(table.names):
        if name in moves:
            codes[:, at] = moves[name][codes[:, at]]
    table.codes = array("i", codes.tobytes())
