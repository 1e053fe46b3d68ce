"""Label sets of the rows of a table, and what was once derived of them."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.quoting import quoted
from sidelight.embedded.promql.syntax import Grouping

Labels = Mapping[str, str]
Derived = TypeVar("Derived")

NAME: Final = "__name__"


class Series:
    """Label sets that are never changed, each in the order of its names.

    A query may ask the same of the same series again and again. What costs time for each label
    set (groups, keys, sets without a name) is derived once and kept here, under a key that says
    what was done; the result of an operation is itself a `Series` with its own derived ones. All
    of it ends with the query: a `Series` that outlives queries would keep what they derived of it.
    """

    __slots__ = ("_derived", "labels")

    def __init__(self, labels: Sequence[Labels]) -> None:
        self.labels = labels
        self._derived: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def derived(self, key: Hashable, make: Callable[[], Derived]) -> Derived:
        """What ``make`` gives, made once for each ``key``."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]  # type: ignore[no-any-return] # of this key

    def without(self, *names: str) -> "Series":
        """The same rows without these labels."""
        return self.derived(("without", names), lambda: self._without(names))

    def _without(self, names: tuple[str, ...]) -> "Series":
        made = [_drop(one, names) for one in self.labels]
        same = all(new is old for new, old in zip(made, self.labels, strict=True))
        return self if same else Series(made)

    def without_name(self) -> "Series":
        """The same rows without the metric's name."""
        return self.without(NAME)

    def keys(self, grouping: Grouping) -> list[Hashable]:
        """What of each row's labels must agree for it to be of one group with another."""
        return self.derived(("keys", grouping), lambda: _keys(self.labels, grouping))

    def grouped(self, grouping: Grouping) -> "Groups":
        """The rows in groups."""
        return self.derived(("grouped", grouping), lambda: _grouped(self, grouping))

    def same(self) -> NDArray[np.intp] | None:
        """The first row with the same labels as each row; None if all are different."""
        return self.derived("same", lambda: _same(self.labels))


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
    dropped = (*names, NAME)
    return [tuple(_drop(one, dropped).items()) for one in sets]


@dataclass(frozen=True)
class Groups:
    """Rows in g groups, of which none is empty.

    ``series``: the groups' labels. ``index``: each row's group. ``order``: the rows, group by
    group. ``starts``: where each group begins in that order.
    """

    series: Series
    index: NDArray[np.intp]
    order: NDArray[np.intp]
    starts: NDArray[np.intp]


def _grouped(series: Series, grouping: Grouping) -> Groups:
    found: dict[Hashable, int] = {}
    index = np.array([found.setdefault(key, len(found)) for key in series.keys(grouping)], np.intp)
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(len(found)))
    return Groups(_labels(found, grouping), index, order, starts)


def _labels(found: Iterable[Hashable], grouping: Grouping) -> Series:
    if not grouping.by:
        return Series([dict(key) for key in found])  # type: ignore[call-overload] # of pairs
    order = sorted(set(grouping.labels))
    at = [grouping.labels.index(name) for name in order]
    groups = [
        {name: key[i] for name, i in zip(order, at, strict=True) if key[i]}  # type: ignore[index] # a tuple
        for key in found
    ]
    return Series(groups)


def _same(sets: Sequence[Labels]) -> NDArray[np.intp] | None:
    found: dict[Hashable, int] = {}
    first = [found.setdefault(tuple(one.items()), row) for row, one in enumerate(sets)]
    return None if len(found) == len(sets) else np.array(first, np.intp)


def ordered(sets: Iterable[Labels]) -> Series:
    """Of a source's label sets, which may have their names in any order."""
    return Series([_ordered(one) for one in sets])


def _ordered(labels: Labels) -> Labels:
    names = list(labels)
    order = sorted(names)
    return labels if names == order else {name: labels[name] for name in order}


def joined(parts: Sequence[Series]) -> Series:
    """The rows of all, one after another."""
    first, *rest = parts
    if not rest:
        return first
    return first.derived(
        ("joined", *rest), lambda: Series([one for part in parts for one in part.labels])
    )


def shown(labels: Labels) -> str:
    """Labels as Prometheus's messages write them."""
    return "{" + ", ".join(f"{name}={quoted(value)}" for name, value in labels.items()) + "}"
