"""Sums that stay exact where large numbers cancel each other.

Prometheus sums with compensation. Here plain sums are made for all at once, and the few cells
where most of what was added cancelled are summed again, exactly.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.frame import Bools, Floats
from sidelight.embedded.promql.limits import Budget
from sidelight.embedded.promql.series import Groups
from sidelight.embedded.promql.windows import Windows

_CANCELLED: Final = 1e-5
_AT_ONCE: Final = 20_000_000
"""Additions between two looks at the clock: some 20 ms."""


def over_windows(windows: Windows, values: Floats) -> Floats:
    """The sum of each window (n x s) of ``values``, n x t with 0 where there is no sample."""
    total = reduced(windows, np.add, values, 0.0)
    if values.size and values.min() < 0:
        whole = reduced(windows, np.add, np.abs(values), 0.0)
        _again(
            total,
            whole,
            windows.budget,
            lambda row, step: values[row, windows.low[step] : windows.high[step]],
        )
    return total


def reduced(windows: Windows, what: np.ufunc, values: Floats, nothing: float) -> Floats:
    """``what`` (add, fmax, fmin) over each window, n x s; anything where a window is empty."""
    n = len(values)
    padded = np.concatenate([values, np.full((n, 1), nothing)], axis=1)
    bounds = np.stack([windows.low, windows.high], axis=1).ravel()
    work = int((windows.high - windows.low).sum()) + len(bounds)
    size = max(1, _AT_ONCE // max(work, 1))
    parts = []
    for row in range(0, n, size):
        windows.budget.check()
        parts.append(what.reduceat(padded[row : row + size], bounds, axis=1)[:, ::2])
    return np.concatenate(parts) if parts else np.empty(windows.shape)


def over_groups(groups: Groups, values: Floats, present: Bools, budget: Budget) -> Floats:
    """The sum of each group (g x s) of the rows' values that are present."""
    kept = np.where(present, values, 0.0)
    total = by_group(groups, np.add, kept)
    if kept.size and kept.min() < 0:
        whole = by_group(groups, np.add, np.abs(kept))
        members = np.split(groups.order, groups.starts[1:])
        _again(total, whole, budget, lambda group, step: kept[members[group], step])
    return total


def by_group(groups: Groups, what: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
    """``what`` over each group, g x s."""
    made: NDArray[Any] = what.reduceat(values[groups.order], groups.starts, axis=0)
    return made


def _again(
    total: Floats, whole: Floats, budget: Budget, cells: Callable[[int, int], Floats]
) -> None:
    for row, step in _cancelled(total, whole):
        budget.check()
        total[row, step] = math.fsum(cells(row, step))


def _cancelled(total: Floats, whole: Floats) -> Iterator[tuple[int, int]]:
    bad = (np.abs(total) < whole * _CANCELLED) & (whole < np.finfo(float).max / 2)
    return zip(*(axis.tolist() for axis in np.nonzero(bad)), strict=True)
