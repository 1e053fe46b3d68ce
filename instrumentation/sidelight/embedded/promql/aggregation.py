"""Aggregation operators of which each group has one value, and the quantiles that they compute."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.ast import Grouping
from sidelight.embedded.promql.compensated import compensated_means, compensated_sums
from sidelight.embedded.promql.frame import (
    Bools,
    Floats,
    Frame,
    Groups,
    Index,
)
from sidelight.embedded.promql.limits import BATCH_CELLS, QueryUsage


@dataclass(frozen=True)
class _GroupCells:
    """Groups of one size at some steps: ``values`` and ``present``, both k x m x c."""

    groups: Index
    steps: slice
    values: Floats
    present: Bools

    def filled(self) -> Floats:
        """Return the values, 0 where a sample is absent."""
        return np.where(self.present, self.values, 0.0)


def _group_cells(groups: Groups, frame: Frame, usage: QueryUsage) -> Iterator[_GroupCells]:
    """Yield all groups, those of one size at a time, at some steps at a time."""
    sizes = np.diff(groups.starts, append=len(groups.order))
    for size in np.unique(sizes).tolist():
        chosen = np.flatnonzero(sizes == size)
        rows = groups.order[groups.starts[chosen][:, None] + np.arange(size)]
        width = max(1, BATCH_CELLS // rows.size)
        for first in range(0, frame.values.shape[1], width):
            usage.check_time()
            steps = slice(first, first + width)
            values, present = frame.values[:, steps][rows], frame.present[:, steps][rows]
            yield _GroupCells(chosen, steps, values, present)


def reduce_groups(groups: Groups, what: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
    """Apply ``what`` to each group, g x s."""
    made: NDArray[Any] = what.reduceat(values[groups.order], groups.starts, axis=0)
    return made


def quantiles(values: Floats, present: Bools, q: Floats) -> Floats:
    """Return a quantile of the present values in each column (n x s); NaN if there are none.

    It is interpolated between two values; NaN counts as less than every number. A ``q`` below 0
    gives -Inf, a ``q`` above 1 +Inf. ``q`` has s values, or one for all columns.
    """
    size = present.sum(axis=0)
    order, unknown = _sorted_columns(values, present)
    rank = q * (size - 1)
    low = np.clip(np.floor(np.nan_to_num(rank)), 0, np.maximum(size - 1, 0)).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(size - 1, 0))
    weight = rank - np.floor(rank)
    made = _value_at(order, low, unknown) * (1 - weight) + _value_at(order, high, unknown) * weight
    made = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, made))
    return np.where((size == 0) | np.isnan(q), np.nan, made)


def _sorted_columns(values: Floats, present: Bools) -> tuple[Floats, Floats]:
    """Sort each column, NaN first (as -Inf) and absent values last; count the NaN of each."""
    unknown = np.isnan(values) & present
    order = np.where(present, np.where(unknown, -np.inf, values), np.inf)
    order.sort(axis=0)
    return order, unknown.sum(axis=0)


def _value_at(order: Floats, position: np.ndarray, unknown: Floats) -> Floats:
    column = np.arange(order.shape[1])
    return np.where(position < unknown, np.nan, order[position, column])


def aggregate(op: str, frame: Frame, grouping: Grouping, usage: QueryUsage) -> Frame:
    """Return one series for each group, present where any series of the group is."""
    groups = frame.series.grouped(grouping)
    if not len(frame.series):
        return Frame(groups.series, frame.values, frame.present)
    values = AGGREGATIONS[op](groups, frame, usage)
    return Frame(groups.series, values, _count_present(groups, frame.present) > 0)


def quantile_of_groups(q: Floats, frame: Frame, grouping: Grouping, usage: QueryUsage) -> Frame:
    """Return a quantile of each group; ``q`` has a value for each step."""
    groups = frame.series.grouped(grouping)
    if not len(frame.series):
        return Frame(groups.series, frame.values, frame.present)
    values = np.empty((len(groups.series), frame.values.shape[1]))
    for number, rows in enumerate(np.split(groups.order, groups.starts[1:])):
        usage.check_time()
        values[number] = quantiles(frame.values[rows], frame.present[rows], q)
    return Frame(groups.series, values, _count_present(groups, frame.present) > 0)


def _count_present(groups: Groups, present: Bools) -> Floats:
    return reduce_groups(groups, np.add, present.astype(np.int32))


def _sum(groups: Groups, frame: Frame, usage: QueryUsage) -> Floats:
    made = np.empty((len(groups.series), frame.values.shape[1]))
    for cells in _group_cells(groups, frame, usage):
        made[cells.groups, cells.steps] = compensated_sums(cells.filled(), axis=1)
    return made


def _avg(groups: Groups, frame: Frame, usage: QueryUsage) -> Floats:
    made = np.empty((len(groups.series), frame.values.shape[1]))
    for cells in _group_cells(groups, frame, usage):
        count = cells.present.sum(axis=1)
        made[cells.groups, cells.steps] = compensated_means(
            cells.filled(), cells.present, count, axis=1, usage=usage
        )
    return made


def _min(groups: Groups, frame: Frame, _: QueryUsage) -> Floats:
    return reduce_groups(groups, np.fmin, np.where(frame.present, frame.values, np.nan))


def _max(groups: Groups, frame: Frame, _: QueryUsage) -> Floats:
    return reduce_groups(groups, np.fmax, np.where(frame.present, frame.values, np.nan))


def _count(groups: Groups, frame: Frame, _: QueryUsage) -> Floats:
    return _count_present(groups, frame.present).astype(float)


def _group(groups: Groups, frame: Frame, _: QueryUsage) -> Floats:
    return np.ones((len(groups.series), frame.values.shape[1]))


def _stdvar(groups: Groups, frame: Frame, usage: QueryUsage) -> Floats:
    """The mean is updated with each value (Welford), without compensation, as in Prometheus."""
    made = np.empty((len(groups.series), frame.values.shape[1]))
    for cells in _group_cells(groups, frame, usage):
        count, mean, squares = np.zeros((3, len(cells.groups), cells.values.shape[2]))
        for values, present in zip(
            *(np.moveaxis(one, 1, 0) for one in (cells.values, cells.present)), strict=True
        ):
            usage.check_time()
            count += present
            delta = np.where(present, values - mean, 0.0)
            mean += delta / np.maximum(count, 1)
            squares += delta * np.where(present, values - mean, 0.0)
        made[cells.groups, cells.steps] = squares / count
    return made


def _stddev(groups: Groups, frame: Frame, usage: QueryUsage) -> Floats:
    return np.sqrt(_stdvar(groups, frame, usage))


AGGREGATIONS: Final[dict[str, Callable[[Groups, Frame, QueryUsage], Floats]]] = {
    "sum": _sum,
    "avg": _avg,
    "min": _min,
    "max": _max,
    "count": _count,
    "group": _group,
    "stdvar": _stdvar,
    "stddev": _stddev,
}
