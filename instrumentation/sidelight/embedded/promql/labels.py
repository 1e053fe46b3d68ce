"""Label sets of the rows of a table, and a cache of what was computed from them."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.ast import Grouping
from sidelight.embedded.promql.formatting import quote

Labels = Mapping[str, str]
Cached = TypeVar("Cached")

METRIC_NAME: Final = "__name__"


class LabelSets:
    """Immutable label sets, each sorted by label name.

    One query may do the same with the same series many times. What takes time for each label set
    (groups, keys, label sets without the metric name) is computed once and cached here. The cache
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

    def without_metric_name(self) -> "LabelSets":
        """Return the same rows without the metric name."""
        return self.without(METRIC_NAME)

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
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in labels.items()) + "}"
