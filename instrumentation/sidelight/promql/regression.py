"""Straight lines through the samples of a window: deriv and predict_linear."""

import numpy as np

from sidelight.promql.frame import Bools, Floats, Ints
from sidelight.promql.windows import Windows

Result = tuple[Floats, Bools]


def slope(windows: Windows) -> Result:
    """How fast a line by least squares rises a second."""
    made = np.full(windows.shape, np.nan)
    for step, values, valid in windows.each():
        times = windows.times[windows.low[step] : windows.high[step]]
        made[:, step] = _line(times - times[0], values, valid)[0]
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
    """Slope, and height at time 0. What never changes has no slope, and infinite no line."""
    x = np.where(valid, times / 1000, 0.0)
    y = np.where(valid, values, 0.0)
    n = valid.sum(axis=1)
    x_mean, y_mean = x.sum(axis=1) / n, y.sum(axis=1) / n
    x_apart = np.where(valid, x - x_mean[:, None], 0.0)
    rise = (x_apart * (y - y_mean[:, None])).sum(axis=1) / (x_apart * x_apart).sum(axis=1)
    first = np.take_along_axis(values, valid.argmax(axis=1)[:, None], axis=1)
    flat = (~valid | (values == first)).all(axis=1)
    even = first[:, 0]
    endless = np.isinf(even)
    rise_if_flat = np.where(endless, np.nan, 0.0)
    rise = np.where(flat, rise_if_flat, rise)
    height = np.where(flat, np.where(endless, np.nan, even), y_mean - rise * x_mean)
    return rise, height
