"""What the samples of a window are together: *_over_time, changes and resets."""

from collections.abc import Callable

import numpy as np

from sidelight.embedded.promql import sums
from sidelight.embedded.promql.frame import Bools, Floats
from sidelight.embedded.promql.quantiles import quantiles
from sidelight.embedded.promql.windows import Windows

Result = tuple[Floats, Bools]


def last(windows: Windows) -> Result:
    """The newest sample."""
    return windows.pick(windows.last), windows.present()


def present(windows: Windows) -> Result:
    """1 where there is any sample."""
    return np.ones(windows.shape), windows.present()


def count(windows: Windows) -> Result:
    """How many samples there are."""
    return np.broadcast_to(windows.count, windows.shape).astype(float), windows.present()


def total(windows: Windows) -> Result:
    """The sum of the samples."""
    return sums.over_windows(windows, _filled(windows, 0.0)), windows.present()


def average(windows: Windows) -> Result:
    """The mean of the samples."""
    values = _filled(windows, 0.0)
    mean = sums.over_windows(windows, values) / windows.count
    if np.isinf(mean).any():  # the sum may be beyond what a float holds, where the mean is not
        scale = 2.0**-64
        again = sums.over_windows(windows, values * scale) / windows.count / scale
        mean = np.where(np.isinf(mean), again, mean)
    return mean, windows.present()


def smallest(windows: Windows) -> Result:
    """The minimum; NaN only where there is nothing else."""
    return sums.reduced(windows, np.fmin, _filled(windows, np.nan), np.nan), windows.present()


def largest(windows: Windows) -> Result:
    """The maximum; NaN only where there is nothing else."""
    return sums.reduced(windows, np.fmax, _filled(windows, np.nan), np.nan), windows.present()


def variance(windows: Windows) -> Result:
    """The population variance of the samples."""
    return _by_step(windows, _variance), windows.present()


def deviation(windows: Windows) -> Result:
    """The population standard deviation of the samples."""
    return np.sqrt(variance(windows)[0]), windows.present()


def quantile(windows: Windows, share: Floats) -> Result:
    """A quantile of the samples."""
    made = np.full(windows.shape, np.nan)
    for step, values, valid in windows.each():
        made[:, step] = quantiles(values.T, valid.T, share[step : step + 1])
    return made, windows.present()


def changes(windows: Windows) -> Result:
    """How often the value changed; from NaN to NaN is no change."""
    earlier, both = windows.neighbours()
    now = windows.values[:, 1:]
    changed = (now != earlier) & ~(np.isnan(now) & np.isnan(earlier))
    return _marked(windows, changed, both)


def resets(windows: Windows) -> Result:
    """How often the value fell."""
    earlier, both = windows.neighbours()
    return _marked(windows, windows.values[:, 1:] < earlier, both)


def _marked(windows: Windows, marked: Bools, both: Bools | None) -> Result:
    if both is not None:
        marked &= both
    return windows.between(marked).astype(float), windows.present()


def _filled(windows: Windows, nothing: float) -> Floats:
    if windows.valid is None:
        return windows.values
    return np.where(windows.valid, windows.values, nothing)


def _by_step(windows: Windows, what: Callable[[Floats, Bools], Floats]) -> Floats:
    made = np.full(windows.shape, np.nan)
    for step, values, valid in windows.each():
        made[:, step] = what(values, valid)
    return made


def _variance(values: Floats, valid: Bools) -> Floats:
    size = valid.sum(axis=1)
    mean = np.where(valid, values, 0.0).sum(axis=1) / size
    apart = np.where(valid, values - mean[:, None], 0.0)
    return (apart * apart).sum(axis=1) / size  # type: ignore[no-any-return] # of floats
