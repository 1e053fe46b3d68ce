"""Functions of a range vector: rates, regression lines and *_over_time."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np

from sidelight.embedded.promql.aggregation import (
    mean_of_sums,
    quantiles,
    reduce_windows,
    sum_over_windows,
)
from sidelight.embedded.promql.frame import Bools, Floats, Ints
from sidelight.embedded.promql.selectors import Index, Windows, WindowValues

_CLOSE: Final = 1.1
"""A border of the window nearer than this many average intervals is extrapolated to.

https://prometheus.io/docs/prometheus/latest/querying/functions/#rate
"""


def rate(windows: Windows) -> WindowValues:
    """Return the increase of a counter per second."""
    seconds = (windows.ends[0] - windows.starts[0]) / 1000
    gain, present = increase(windows)
    speed: Floats = gain / seconds
    return speed, present


def increase(windows: Windows) -> WindowValues:
    """Return the increase of a counter in the whole window."""
    first = windows.take(windows.first)
    gain = windows.take(windows.last) - first
    _add_resets(windows, gain)
    return _extrapolated(windows, gain, first)


def delta(windows: Windows) -> WindowValues:
    """Return the difference between the start and the end of the window."""
    gain = windows.take(windows.last) - windows.take(windows.first)
    return _extrapolated(windows, gain, None)


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


def _extrapolated(windows: Windows, gain: Floats, counter: Floats | None) -> WindowValues:
    """Extrapolate the gain from the first and last sample to the borders of the window.

    ``counter``: the first values of counters, which are not extrapolated below zero.
    """
    times = windows.times
    first, last = times[windows.first], times[windows.last]
    sampled = (last - first) / 1000
    average = sampled / (windows.count - 1)
    to_start = _extrapolation((first - windows.starts) / 1000, average)
    to_end = _extrapolation((windows.ends - last) / 1000, average)
    if counter is not None:
        to_zero = sampled * (counter / gain)
        sooner = (gain > 0) & (counter >= 0) & (to_zero < to_start)
        to_start = np.where(sooner, to_zero, to_start)
    stretched: Floats = gain * ((sampled + to_start + to_end) / sampled)
    return stretched, windows.present(2)


def _extrapolation(distance: Floats, average: Floats) -> Floats:
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
    for step, values, valid in windows.by_step():
        times = windows.times[windows.low[step] : windows.high[step]]
        since = times - times[valid.argmax(axis=1)][:, None]
        made[:, step] = _least_squares(since, values, valid)[0]
    return made, windows.present(2)


def predict_linear(windows: Windows, ahead: Floats, now: Ints) -> WindowValues:
    """Return the value of that line ``ahead`` seconds after the time of evaluation."""
    made = np.full(windows.shape, np.nan)
    for step, values, valid in windows.by_step():
        times = windows.times[windows.low[step] : windows.high[step]]
        rise, height = _least_squares(times - now[step], values, valid)
        made[:, step] = rise * ahead[step] + height
    return made, windows.present(2)


def _least_squares(times: Ints, values: Floats, valid: Bools) -> tuple[Floats, Floats]:
    """Return the slope, and the value at time 0. Constant values have slope 0, infinite ones NaN.

    The formula and the precision of its sums are Prometheus's: another formula gives different
    results for values that are far from zero and near each other.
    """
    x = np.where(valid, times / 1000, 0.0)
    y = np.where(valid, values, 0.0)
    n = valid.sum(axis=1)
    sum_x, sum_y, sum_xy, sum_xx = (_precise_sum(one) for one in (x, y, x * y, x * x))
    rise = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n)
    first = np.take_along_axis(values, valid.argmax(axis=1)[:, None], axis=1)
    flat = (~valid | (values == first)).all(axis=1)
    even = np.where(np.isinf(first), np.nan, first)[:, 0]
    rise = np.where(flat, even * 0, rise)
    return rise, np.where(flat, even, sum_y / n - rise * sum_x / n)


def _precise_sum(values: Floats) -> Floats:
    exact: Floats = values.sum(axis=1, dtype=np.longdouble).astype(float)
    return exact


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
    return sum_over_windows(windows, _filled(windows, 0.0)), windows.present()


def _avg(windows: Windows) -> WindowValues:
    """Return the mean of the samples."""
    mean = mean_of_sums(partial(sum_over_windows, windows), _filled(windows, 0.0), windows.count)
    return mean, windows.present()


def _min(windows: Windows) -> WindowValues:
    """Return the minimum; NaN only if every sample is NaN."""
    return reduce_windows(windows, np.fmin, _filled(windows, np.nan), np.nan), windows.present()


def _max(windows: Windows) -> WindowValues:
    """Return the maximum; NaN only if every sample is NaN."""
    return reduce_windows(windows, np.fmax, _filled(windows, np.nan), np.nan), windows.present()


def _stdvar(windows: Windows) -> WindowValues:
    """Return the population variance of the samples."""
    return _by_step(windows, _variance), windows.present()


def _stddev(windows: Windows) -> WindowValues:
    """Return the population standard deviation of the samples."""
    return np.sqrt(_stdvar(windows)[0]), windows.present()


def _quantile(windows: Windows, q: Floats) -> WindowValues:
    """Return a quantile of the samples."""
    made = np.full(windows.shape, np.nan)
    for step, values, valid in windows.by_step():
        made[:, step] = quantiles(values.T, valid.T, q[step : step + 1])
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


def _filled(windows: Windows, nothing: float) -> Floats:
    if windows.valid is None:
        return windows.values
    return np.where(windows.valid, windows.values, nothing)


def _by_step(windows: Windows, what: Callable[[Floats, Bools], Floats]) -> Floats:
    made = np.full(windows.shape, np.nan)
    for step, values, valid in windows.by_step():
        made[:, step] = what(values, valid)
    return made


def _variance(values: Floats, valid: Bools) -> Floats:
    size = valid.sum(axis=1)
    mean = np.where(valid, values, 0.0).sum(axis=1) / size
    deviation = np.where(valid, values - mean[:, None], 0.0)
    return (deviation * deviation).sum(axis=1) / size  # type: ignore[no-any-return] # of floats


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
