"""Sums, means and quantiles of many numbers at once.

Prometheus adds with compensation. Here plain sums are made for all cells at once, and the few
cells where most of what was added cancelled are added again, exactly.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.frame import Bools, Floats
from sidelight.embedded.promql.labels import Groups
from sidelight.embedded.promql.limits import QueryUsage
from sidelight.embedded.promql.windows import Windows

_CANCELLED: Final = 1e-5
_BATCH_ADDITIONS: Final = 20_000_000
"""Additions between two checks of the time: some 20 ms."""


def sum_over_windows(windows: Windows, values: Floats) -> Floats:
    """Return the sum of each window (n x s) of ``values``, n x t with 0 where no sample is."""
    total = reduce_windows(windows, np.add, values, 0.0)
    if values.size and values.min() < 0:
        whole = reduce_windows(windows, np.add, np.abs(values), 0.0)
        _add_exactly(
            total,
            whole,
            windows.usage,
            lambda row, step: values[row, windows.low[step] : windows.high[step]],
        )
    return total


def reduce_windows(windows: Windows, what: np.ufunc, values: Floats, nothing: float) -> Floats:
    """Apply ``what`` (add, fmax, fmin) to each window, n x s; undefined for empty windows."""
    n = len(values)
    padded = np.concatenate([values, np.full((n, 1), nothing)], axis=1)
    bounds = np.stack([windows.low, windows.high], axis=1).ravel()
    work = int((windows.high - windows.low).sum()) + len(bounds)
    size = max(1, _BATCH_ADDITIONS // max(work, 1))
    parts = []
    for row in range(0, n, size):
        windows.usage.check_time()
        parts.append(what.reduceat(padded[row : row + size], bounds, axis=1)[:, ::2])
    return np.concatenate(parts) if parts else np.empty(windows.shape)


def sum_over_groups(groups: Groups, values: Floats, present: Bools, usage: QueryUsage) -> Floats:
    """Return the sum of each group (g x s) of the values that are present."""
    kept = np.where(present, values, 0.0)
    total = reduce_groups(groups, np.add, kept)
    if kept.size and kept.min() < 0:
        whole = reduce_groups(groups, np.add, np.abs(kept))
        members = np.split(groups.order, groups.starts[1:])
        _add_exactly(total, whole, usage, lambda group, step: kept[members[group], step])
    return total


def reduce_groups(groups: Groups, what: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
    """Apply ``what`` to each group, g x s."""
    made: NDArray[Any] = what.reduceat(values[groups.order], groups.starts, axis=0)
    return made


def mean_of_sums(add: Callable[[Floats], Floats], values: Floats, count: NDArray[Any]) -> Floats:
    """Return ``add(values) / count``; the values are scaled if their sum overflows."""
    mean: Floats = add(values) / count
    if np.isinf(mean).any():
        scale = 2.0**-64
        mean = np.where(np.isinf(mean), add(values * scale) / count / scale, mean)
    return mean


def _add_exactly(
    total: Floats, whole: Floats, usage: QueryUsage, cells: Callable[[int, int], Floats]
) -> None:
    for row, step in _cancelled(total, whole):
        usage.check_time()
        total[row, step] = math.fsum(cells(row, step))


def _cancelled(total: Floats, whole: Floats) -> Iterator[tuple[int, int]]:
    bad = (np.abs(total) < whole * _CANCELLED) & (whole < np.finfo(float).max / 2)
    return zip(*(axis.tolist() for axis in np.nonzero(bad)), strict=True)


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
