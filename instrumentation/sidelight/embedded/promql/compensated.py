"""Sums and means with compensation, rounded as in Prometheus.

What each addition loses by rounding is added up too, and is added to the sum at the end
(Kahan's summation with Neumaier's improvement). The order is that of the values, so that the result
is Prometheus's, bit for bit.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.frame import Bools, Floats
from sidelight.embedded.promql.limits import QueryUsage

_MANY: Final = 1 << 10
"""Sums beside each other from which on it is faster to add row by row."""


def compensated_sums(values: Floats, axis: int) -> Floats:
    """Return the sums along an axis, which is not empty."""
    total, lost = _totals(values, axis)
    return np.where(np.isfinite(total), total + lost, total)


def compensated_means(
    values: Floats, present: Bools, count: NDArray[Any], axis: int, usage: QueryUsage
) -> Floats:
    """Return the means of the values that are present; the others are 0."""
    total, lost = _totals(values, axis)
    means: Floats = total / count + lost / count
    odd = ~np.isfinite(total)
    if odd.any():
        means[odd] = (values.max(axis=axis) + values.min(axis=axis))[odd]  # NaN or an infinity
        cells, here = np.moveaxis(values, axis, -1), np.moveaxis(present, axis, -1)
        overflown = np.argwhere(odd & np.isfinite(values).all(axis=axis))
        for cell in map(tuple, overflown.tolist()):
            means[cell] = _mean_of_huge(cells[cell][here[cell]].tolist(), usage)
    return means


def _totals(values: Floats, axis: int) -> tuple[Floats, Floats]:
    """Return the sums as they are rounded at each addition, and what all additions have lost."""
    moved = np.moveaxis(values, axis, 0)
    if moved[0].size >= _MANY:
        return _totals_of_many(moved)
    running = np.add.accumulate(moved, axis=0)
    before, after = running[:-1], running[1:]
    lost = np.zeros_like(running)
    lost[1:] = _lost(before, moved[1:], after)
    return running[-1], np.add.accumulate(lost, axis=0)[-1]


def _totals_of_many(rows: Floats) -> tuple[Floats, Floats]:
    """Return the same, added row by row, which is faster for long rows."""
    total, lost = np.zeros((2, *rows.shape[1:]))
    for row in rows:
        after = total + row
        lost += _lost(total, row, after)
        total = after
    return total, lost


def _lost(before: Any, added: Any, after: Any) -> Any:
    """Return what an addition has lost by rounding; NaN if a number is not finite."""
    rounded = after - before
    return (before - (after - rounded)) + (added - rounded)


def add(numbers: Any, total: Any, lost: Any) -> tuple[Any, Any]:
    """Add numbers; return the new totals, and what all additions have lost so far."""
    after = total + numbers
    return after, np.where(np.isinf(after), 0.0, lost + _lost(total, numbers, after))


def _mean_of_huge(values: Iterable[float], usage: QueryUsage) -> float:
    """Return the mean of values whose sum is infinite: from there on the mean is updated."""
    total = mean = lost = 0.0
    incremental = False
    for count, value in enumerate(values, 1):
        usage.check_time()
        if not incremental:
            new, new_lost = add(value, total, lost)
            if not np.isinf(new):
                total, lost = new, new_lost
                continue
            incremental = True
            mean, lost = total / (count - 1), lost / (count - 1)
        share = (count - 1) / count
        mean, lost = add(value / count, share * mean, share * lost)
    return mean + lost
