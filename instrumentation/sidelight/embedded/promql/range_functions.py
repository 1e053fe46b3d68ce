"""Functions of a range vector: rates, regression lines and *_over_time."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.aggregation import (
    quantiles,
)
from sidelight.embedded.promql.compensated import add, compensated_sums
from sidelight.embedded.promql.frame import Bools, Floats, Index, Ints
from sidelight.embedded.promql.limits import QueryUsage
from sidelight.embedded.promql.range_windows import (
    WindowCells,
    Windows,
    WindowValues,
    mean_over_windows,
    reduce_windows,
    sum_over_windows,
)

_CLOSE: Final = 1.1
"""A border of the window nearer than this many average intervals is extrapolated to.

https://prometheus.io/docs/prometheus/latest/querying/functions/#rate
"""


def rate(windows: Windows) -> WindowValues:
    """Return the increase of a counter per second."""
    return _increase(windows, per=range_seconds(windows))


def range_seconds(windows: Windows) -> float:
    """Return the length of the windows."""
    whole, rest = divmod(int(windows.ends[0] - windows.starts[0]), 1000)
    return whole + rest / 1000


def increase(windows: Windows) -> WindowValues:
    """Return the increase of a counter in the whole window."""
    return _increase(windows, per=1.0)


def _increase(windows: Windows, per: float) -> WindowValues:
    """Return the increase in the whole window, divided by a number of seconds."""
    first = windows.take(windows.first)
    gain = windows.take(windows.last) - first
    _add_resets(windows, gain)
    return gain * (extrapolation(windows, gain, first) / per), windows.present(2)


def delta(windows: Windows) -> WindowValues:
    """Return the difference between the start and the end of the window."""
    gain = windows.take(windows.last) - windows.take(windows.first)
    return gain * extrapolation(windows), windows.present(2)


def _add_resets(windows: Windows, gain: Floats) -> None:
    """Add the value before each reset of a counter to the windows that have both samples.

    They are added one after another, as Prometheus does: differences of a running sum would lose
    small values after large ones.
    """
    if len(windows.times) < 2:  # noqa: PLR2004 # one sample has none before it
        return
    earlier, both = windows.previous_values()
    fell = windows.values[:, 1:] < earlier
    if both is not None:
        fell &= both
    for before in np.flatnonzero(fell.any(axis=0)).tolist():
        windows.usage.check_time()
        rows = np.flatnonzero(fell[:, before])
        first = windows.high.searchsorted(before + 1, side="right")
        for position, some in _by_previous(windows, rows, before):
            last = windows.low.searchsorted(position, side="right")
            gain[some, first:last] += earlier[some, before, None]


def _by_previous(windows: Windows, rows: Index, before: int) -> Iterator[tuple[int, Index]]:
    """Yield the rows by the position of their previous sample."""
    if windows.valid is None:
        yield before, rows
        return
    positions = windows.before[rows, before]
    for position in np.unique(positions):
        yield position, rows[positions == position]


def extrapolation(
    windows: Windows, gain: Floats | None = None, counter: Floats | None = None
) -> Floats:
    """Return the factor from the span of the samples to that which they stand for.

    They stand for the whole window if they are near its borders. ``gain`` and ``counter``: the
    increases and first values of counters, which are not extrapolated below zero.
    """
    times = windows.times
    first, last = times[windows.first], times[windows.last]
    sampled = (last - first) / 1000
    average = sampled / (windows.count - 1)
    to_start = _to_border((first - windows.starts) / 1000, average)
    to_end = _to_border((windows.ends - last) / 1000, average)
    if gain is not None and counter is not None:
        to_zero = sampled * (counter / gain)
        sooner = (gain > 0) & (counter >= 0) & (to_zero < to_start)
        to_start = np.where(sooner, to_zero, to_start)
    factor: Floats = (sampled + to_start + to_end) / sampled
    return factor


def _to_border(distance: Floats, average: Floats) -> Floats:
    near: Floats = np.where(distance >= average * _CLOSE, average / 2, distance)
    return near


def irate(windows: Windows) -> WindowValues:
    """Return the increase of a counter per second between the last two samples."""
    before, last, seconds = _last_two(windows)
    return np.where(last < before, last, last - before) / seconds, windows.present(2)


def idelta(windows: Windows) -> WindowValues:
    """Return the difference of the last two samples."""
    before, last, _ = _last_two(windows)
    return last - before, windows.present(2)


def _last_two(windows: Windows) -> tuple[Floats, Floats, Floats]:
    index = windows.last
    earlier = windows.previous(index)
    seconds = (windows.times[index] - windows.times[earlier]) / 1000
    return windows.take(earlier), windows.take(index), seconds


def deriv(windows: Windows) -> WindowValues:
    """Return the slope per second of a line by least squares."""
    made = np.full(windows.shape, np.nan)
    for cells in windows.cells():
        times = np.broadcast_to(cells.times, cells.values.shape)
        made[:, cells.steps] = _least_squares(times - _first(cells, times), cells)[0]
    return made, windows.present(2)


def predict_linear(windows: Windows, ahead: Floats, now: Ints) -> WindowValues:
    """Return the value of that line ``ahead`` seconds after the time of evaluation."""
    made = np.full(windows.shape, np.nan)
    for cells in windows.cells():
        rise, height = _least_squares(cells.times - now[cells.steps, None], cells)
        made[:, cells.steps] = rise * ahead[cells.steps] + height
    return made, windows.present(2)


def _first(cells: WindowCells, of: NDArray[Any]) -> NDArray[Any]:
    """Return of each window what belongs to its first sample, n x k x 1."""
    return np.take_along_axis(of, cells.valid.argmax(axis=2)[..., None], axis=2)


def _least_squares(times: Ints, cells: WindowCells) -> tuple[Floats, Floats]:
    """Return the slope, and the value at time 0. Constant values have slope 0, infinite ones NaN.

    The formula and the precision of its sums are Prometheus's: another formula gives different
    results for values that are far from zero and near each other.
    """
    x = np.where(cells.valid, times / 1000, 0.0)
    y = cells.filled()
    n = cells.valid.sum(axis=2)
    sum_x, sum_y, sum_xy, sum_xx = (compensated_sums(one, axis=2) for one in (x, y, x * y, x * x))
    rise = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n)
    first = _first(cells, cells.values)
    flat = (~cells.valid | (cells.values == first)).all(axis=2)
    even = np.where(np.isinf(first), np.nan, first)[..., 0]
    rise = np.where(flat, np.where(np.isnan(even), np.nan, 0.0), rise)
    return rise, np.where(flat, even, sum_y / n - rise * sum_x / n)


RATE_FUNCTIONS: Final[dict[str, Callable[..., WindowValues]]] = {
    "delta": delta,
    "deriv": deriv,
    "idelta": idelta,
    "increase": increase,
    "irate": irate,
    "rate": rate,
}


def _last(windows: Windows) -> WindowValues:
    """Return the newest sample."""
    return windows.take(windows.last), windows.present()


def _present(windows: Windows) -> WindowValues:
    """Return 1 where there is any sample."""
    return np.ones(windows.shape), windows.present()


def _count(windows: Windows) -> WindowValues:
    """Return the number of samples."""
    return np.broadcast_to(windows.count, windows.shape).astype(float), windows.present()


def _sum(windows: Windows) -> WindowValues:
    """Return the sum of the samples."""
    return sum_over_windows(windows), windows.present()


def _avg(windows: Windows) -> WindowValues:
    """Return the mean of the samples."""
    return mean_over_windows(windows), windows.present()


def _min(windows: Windows) -> WindowValues:
    """Return the minimum; NaN only if every sample is NaN."""
    return reduce_windows(windows, np.fmin, _filled(windows), np.nan), windows.present()


def _max(windows: Windows) -> WindowValues:
    """Return the maximum; NaN only if every sample is NaN."""
    return reduce_windows(windows, np.fmax, _filled(windows), np.nan), windows.present()


def _stdvar(windows: Windows) -> WindowValues:
    """Return the population variance of the samples."""
    made = np.full(windows.shape, np.nan)
    for cells in windows.cells():
        made[:, cells.steps] = _variance(cells, windows.usage)
    return made, windows.present()


def _variance(cells: WindowCells, usage: QueryUsage) -> Floats:
    """The mean is updated with each value (Welford), with compensation, as in Prometheus."""
    count, mean, lost, squares, squares_lost = np.zeros((5, *cells.values.shape[:2]))
    for values, valid in zip(
        *(np.moveaxis(one, 2, 0) for one in (cells.values, cells.valid)), strict=True
    ):
        usage.check_time()
        count += valid
        delta = np.where(valid, values - (mean + lost), 0.0)
        mean, lost = add(delta / np.maximum(count, 1), mean, lost)
        rest = np.where(valid, values - (mean + lost), 0.0)
        squares, squares_lost = add(delta * rest, squares, squares_lost)
    return (squares + squares_lost) / count  # type: ignore[no-any-return] # of floats


def _stddev(windows: Windows) -> WindowValues:
    """Return the population standard deviation of the samples."""
    return np.sqrt(_stdvar(windows)[0]), windows.present()


def _quantile(windows: Windows, q: Floats) -> WindowValues:
    """Return a quantile of the samples."""
    made = np.full(windows.shape, np.nan)
    for cells in windows.cells():
        n, k, w = cells.values.shape
        columns = cells.values.reshape(n * k, w).T, cells.valid.reshape(n * k, w).T
        found = quantiles(*columns, np.tile(q[cells.steps], n))
        made[:, cells.steps] = found.reshape(n, k)
    return made, windows.present()


def _changes(windows: Windows) -> WindowValues:
    """Return how often the value changed; from NaN to NaN is no change."""
    earlier, both = windows.previous_values()
    now = windows.values[:, 1:]
    changed = (now != earlier) & ~(np.isnan(now) & np.isnan(earlier))
    return _marked(windows, changed, both)


def _resets(windows: Windows) -> WindowValues:
    """Return how often the value fell."""
    earlier, both = windows.previous_values()
    return _marked(windows, windows.values[:, 1:] < earlier, both)


def _marked(windows: Windows, marked: Bools, both: Bools | None) -> WindowValues:
    if both is not None:
        marked &= both
    return windows.count_marked(marked).astype(float), windows.present()


def _filled(windows: Windows) -> Floats:
    if windows.valid is None:
        return windows.values
    return np.where(windows.valid, windows.values, np.nan)


OVER_TIME_FUNCTIONS: Final[dict[str, Callable[..., WindowValues]]] = {
    "avg_over_time": _avg,
    "changes": _changes,
    "count_over_time": _count,
    "last_over_time": _last,
    "max_over_time": _max,
    "min_over_time": _min,
    "present_over_time": _present,
    "quantile_over_time": _quantile,
    "resets": _resets,
    "stddev_over_time": _stddev,
    "stdvar_over_time": _stdvar,
    "sum_over_time": _sum,
}
