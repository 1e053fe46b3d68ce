"""An instant vector at every step of a query, as one table; and the label sets of its rows."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.ast import Grouping
from sidelight.embedded.promql.limits import execution_error
from sidelight.embedded.promql.quoting import quote

Labels = Mapping[str, str]
_LEGACY_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
Cached = TypeVar("Cached")

METRIC_NAME: Final = "__name__"
METADATA_LABELS: Final = (METRIC_NAME, "__type__", "__unit__")
"""What no longer describes the values after an operation; Prometheus drops these labels."""
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Index = NDArray[np.intp]
Histograms = NDArray[np.object_]
"""Native histograms, None where there is none."""
SAME_LABELS: Final = "vector cannot contain metrics with the same labelset"


class LabelSets:
    """Immutable label sets, each sorted by label name.

    One query may do the same with the same series many times. What takes time for each label set
    (groups, keys, label sets without metadata) is computed once and cached here. The cache
    ends with the query that made the label sets.
    """

    __slots__ = ("_cache", "labels")

    def __init__(self, labels: Sequence[Labels]) -> None:
        self.labels = labels
        self._cache: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def cached(self, key: Hashable, make: Callable[[], Cached]) -> Cached:
        """Return what ``make`` returns, called once for each ``key``."""
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]  # type: ignore[no-any-return] # of this key

    def without(self, *names: str) -> "LabelSets":
        """Return the same rows without these labels."""
        return self.cached(("without", names), lambda: self._without(names))

    def _without(self, names: tuple[str, ...]) -> "LabelSets":
        made = [_drop(one, names) for one in self.labels]
        same = all(new is old for new, old in zip(made, self.labels, strict=True))
        return self if same else LabelSets(made)

    def without_metadata(self) -> "LabelSets":
        """Return the same rows without the labels of the metric's name, type and unit."""
        return self.without(*METADATA_LABELS)

    def keys(self, grouping: Grouping) -> list[Hashable]:
        """Return a key for each row: rows of one group have equal keys."""
        return self.cached(("keys", grouping), lambda: _keys(self.labels, grouping))

    def grouped(self, grouping: Grouping) -> "Groups":
        """Return the rows in groups."""
        return self.cached(("grouped", grouping), lambda: _grouped(self, grouping))

    def duplicates(self) -> NDArray[np.intp] | None:
        """Return, for each row, the first row with the same labels; None if all differ."""
        return self.cached("same", lambda: _duplicates(self.labels))


def _drop(labels: Labels, names: Sequence[str]) -> Labels:
    if not any(name in labels for name in names):
        return labels
    return {name: value for name, value in labels.items() if name not in names}


def _keys(sets: Sequence[Labels], grouping: Grouping) -> list[Hashable]:
    names = grouping.labels
    if grouping.by and not names:
        return [()] * len(sets)
    if grouping.by:
        return [tuple([one.get(name, "") for name in names]) for one in sets]
    dropped = (*names, METRIC_NAME)
    return [tuple(_drop(one, dropped).items()) for one in sets]


@dataclass(frozen=True)
class Groups:
    """Rows in g groups, none of them empty.

    ``series``: the labels of the groups. ``index``: the group of each row. ``order``: the rows,
    group by group. ``starts``: where each group begins in that order.
    """

    series: LabelSets
    index: NDArray[np.intp]
    order: NDArray[np.intp]
    starts: NDArray[np.intp]


def _grouped(series: LabelSets, grouping: Grouping) -> Groups:
    found: dict[Hashable, int] = {}
    index = np.array([found.setdefault(key, len(found)) for key in series.keys(grouping)], np.intp)
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(len(found)))
    return Groups(_labels(found, grouping), index, order, starts)


def _labels(found: Iterable[Hashable], grouping: Grouping) -> LabelSets:
    if not grouping.by:
        return LabelSets([dict(key) for key in found])  # type: ignore[call-overload] # of pairs
    order = sorted(set(grouping.labels))
    at = [grouping.labels.index(name) for name in order]
    groups = [
        {name: key[i] for name, i in zip(order, at, strict=True) if key[i]}  # type: ignore[index] # a tuple
        for key in found
    ]
    return LabelSets(groups)


def _duplicates(sets: Sequence[Labels]) -> NDArray[np.intp] | None:
    found: dict[Hashable, int] = {}
    first = [found.setdefault(tuple(one.items()), row) for row, one in enumerate(sets)]
    return None if len(found) == len(sets) else np.array(first, np.intp)


def sorted_label_sets(sets: Iterable[Labels]) -> LabelSets:
    """Return label sets, which may have their names in any order, sorted by name."""
    return LabelSets([_sorted(one) for one in sets])


def _sorted(labels: Labels) -> Labels:
    names = list(labels)
    order = sorted(names)
    return labels if names == order else {name: labels[name] for name in order}


def concatenated(parts: Sequence[LabelSets]) -> LabelSets:
    """Return the rows of all, one after another."""
    first, *rest = parts
    if not rest:
        return first
    return first.cached(
        ("joined", *rest), lambda: LabelSets([one for part in parts for one in part.labels])
    )


def format_labels(labels: Labels) -> str:
    """Return labels as in Prometheus's messages."""
    pairs = (f"{_label_name(name)}={quote(value)}" for name, value in labels.items())
    return f"{{{', '.join(pairs)}}}"


def _label_name(name: str) -> str:
    return name if _LEGACY_NAME.fullmatch(name) else quote(name)


@dataclass(frozen=True, slots=True)
class Frame:
    """n series at s steps: ``values`` and ``present``, both n x s.

    Where ``present`` is false the series has no number at that step, and its value is undefined.
    ``histograms``: n x s, or None if there are no native histograms. A step has a number, a
    histogram, or nothing.
    """

    series: LabelSets
    values: Floats
    present: Bools
    histograms: Histograms | None = None

    @property
    def sampled(self) -> Bools:
        """Where there is a number or a histogram."""
        return self.present if self.histograms is None else self.present | self.has_histogram

    @property
    def has_histogram(self) -> Bools:
        """Where there is a histogram."""
        return has_histogram(self.histograms, self.present.shape)

    def numbers(self) -> "Frame":
        """Return the same without histograms."""
        return self if self.histograms is None else Frame(self.series, self.values, self.present)

    def with_values(self, values: Floats) -> "Frame":
        """Return these values, without histograms and without the metric's name, type and unit."""
        return Frame(self.series.without_metadata(), values, self.present)

    def without_metadata(self) -> "Frame":
        """Return the same values, without the metric's name, type and unit."""
        return replace(self, series=self.series.without_metadata())

    def where(self, chosen: Bools) -> "Frame":
        """Return only the chosen samples."""
        table = None if self.histograms is None else kept(self.histograms, chosen)
        return Frame(self.series, self.values, self.present & chosen, table)

    def merged_per_step(self, problem: str | None = None) -> "Frame":
        """Return each label set once. `QueryError` if two of its series are present at one step."""
        first = self.series.duplicates()
        return self if first is None else _merged(self, first, problem or SAME_LABELS)

    def merged_over_all_steps(self) -> "Frame":
        """Return each label set once. `QueryError` if two of its series have any sample at all."""
        first = self.series.duplicates()
        if first is not None:
            rows = first[self.sampled.any(axis=1)]
            if len(np.unique(rows)) < len(rows):
                raise execution_error(SAME_LABELS)
            return _merged(self, first, SAME_LABELS)
        return self


def has_histogram(table: Histograms | None, shape: tuple[int, ...]) -> Bools:
    """Return where a table of this shape has a histogram."""
    return np.zeros(shape, bool) if table is None else exist(table)


def exist(table: Histograms) -> Bools:
    """Return which of the histograms are there."""
    there: Bools = np.not_equal(table, None).astype(bool)  # type: ignore[call-overload] # numpy's types have no objects
    return there


def kept(table: Histograms, chosen: Bools) -> Histograms:
    """Return only the chosen histograms."""
    made = table.copy()
    made[~chosen] = None
    return made


def samples_of(table: Histograms | None) -> int:
    """Return how many samples the histograms of a table take the memory of."""
    if table is None:
        return 0
    distinct = {id(one): one.size for one in table[exist(table)].tolist()}
    return sum(distinct.values())


def empty_frame(steps: int) -> Frame:
    """Return a frame without series."""
    return Frame(LabelSets([]), np.empty((0, steps)), np.empty((0, steps), bool))


def stacked_frames(parts: Sequence[Frame], steps: int) -> Frame:
    """Return the series of all frames, one after another."""
    parts = [part for part in parts if len(part.series)]
    if not parts:
        return empty_frame(steps)
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part.values for part in parts])
    present = np.concatenate([part.present for part in parts])
    histograms = _stacked_histograms([(part.histograms, part.present.shape) for part in parts])
    return Frame(concatenated([part.series for part in parts]), values, present, histograms)


def _stacked_histograms(
    parts: Sequence[tuple[Histograms | None, tuple[int, ...]]],
) -> Histograms | None:
    if all(table is None for table, _ in parts):
        return None
    return np.concatenate(
        [np.full(shape, None) if table is None else table for table, shape in parts]
    )


def _merged(frame: Frame, first: NDArray[np.intp], problem: str) -> Frame:
    kept, index = np.unique(first, return_inverse=True)
    values, present, sampled = frame.values[kept], frame.present[kept], frame.sampled
    taken = sampled[kept]
    histograms = None if frame.histograms is None else frame.histograms[kept]
    for row in np.flatnonzero(first != np.arange(len(first))):
        into, here = index[row], sampled[row]
        if (taken[into] & here).any():
            raise execution_error(problem)
        values[into] = np.where(here, frame.values[row], values[into])
        present[into] |= frame.present[row]
        taken[into] |= here
        if histograms is not None and frame.histograms is not None:
            histograms[into] = np.where(here, frame.histograms[row], histograms[into])
    labels = frame.series.cached(
        "distinct", lambda: LabelSets([frame.series.labels[row] for row in kept])
    )
    return Frame(labels, values, present, histograms)
