"""Functions that reduce the samples of a window: *_over_time, changes and resets."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from sidelight.embedded.promql.frame import Bools, Floats
from sidelight.embedded.promql.reductions import (
    mean_of_sums,
    quantiles,
    reduce_windows,
    sum_over_windows,
)
from sidelight.embedded.promql.windows import Windows, WindowValues


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
