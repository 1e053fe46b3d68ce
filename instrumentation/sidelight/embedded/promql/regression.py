"""Straight lines through the samples of a window: deriv and predict_linear."""

import numpy as np

from sidelight.embedded.promql.frame import Bools, Floats, Ints
from sidelight.embedded.promql.windows import Windows

Result = tuple[Floats, Bools]


def slope(windows: Windows) -> Result:
    """How fast a line by least squares rises a second."""
    made = np.full(windows.shape, np.nan)
    for step, values, valid in windows.each():
        times = windows.times[windows.low[step] : windows.high[step]]
        since = times - times[valid.argmax(axis=1)][:, None]
        made[:, step] = _line(since, values, valid)[0]
    return made, windows.present(2)


def predicted(windows: Windows, ahead: Floats, now: Ints) -> Result:
    """Where that line is ``ahead`` seconds after the time of evaluation."""
    made = np.full(windows.shape, np.nan)
    for step, values, valid in windows.each():
        times = windows.times[windows.low[step] : windows.high[step]]
        rise, height = _line(times - now[step], values, valid)
        made[:, step] = rise * ahead[step] + height
    return made, windows.present(2)


def _line(times: Ints, values: Floats, valid: Bools) -> tuple[Floats, Floats]:
    """Slope, and height at time 0. What never changes has no slope, and infinite no line.

    The formula is Prometheus's own, with sums as exact as its own: where values are far from zero
    and near each other, another formula that is no worse gives something else.
    """
    x = np.where(valid, times / 1000, 0.0)
    y = np.where(valid, values, 0.0)
    n = valid.sum(axis=1)
    sum_x, sum_y, sum_xy, sum_xx = (_sum(one) for one in (x, y, x * y, x * x))
    rise = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n)
    first = np.take_along_axis(values, valid.argmax(axis=1)[:, None], axis=1)
    flat = (~valid | (values == first)).all(axis=1)
    even = np.where(np.isinf(first), np.nan, first)[:, 0]
    rise = np.where(flat, even * 0, rise)
    return rise, np.where(flat, even, sum_y / n - rise * sum_x / n)


def _sum(values: Floats) -> Floats:
    exact: Floats = values.sum(axis=1, dtype=np.longdouble).astype(float)
    return exact
