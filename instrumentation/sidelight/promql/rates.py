"""How fast something grows, from the samples of a window: rate, increase, delta and their like."""

from typing import Final

import numpy as np

from sidelight.promql.frame import Bools, Floats
from sidelight.promql.windows import Index, Windows

Result = tuple[Floats, Bools]

_CLOSE: Final = 1.1
"""Times the average distance of samples: a border nearer than that is extrapolated to.

https://prometheus.io/docs/prometheus/latest/querying/functions/#rate
"""


def rate(windows: Windows) -> Result:
    """What a counter gains a second."""
    seconds = (windows.ends[0] - windows.starts[0]) / 1000
    gain, present = increase(windows)
    speed: Floats = gain / seconds
    return speed, present


def increase(windows: Windows) -> Result:
    """What a counter gains in the whole window."""
    first = windows.pick(windows.first)
    gain = windows.pick(windows.last) - first
    _add_resets(windows, gain)
    return _extrapolated(windows, gain, first)


def delta(windows: Windows) -> Result:
    """The difference from the window's begin to its end."""
    gain = windows.pick(windows.last) - windows.pick(windows.first)
    return _extrapolated(windows, gain, None)


def _add_resets(windows: Windows, gain: Floats) -> None:
    """What a counter had before each fall is added: it fell to zero and began again."""
    if len(windows.times) < 2:  # noqa: PLR2004 # one sample has none before it
        return
    earlier, both = windows.neighbours()
    fell = windows.values[:, 1:] < earlier
    if both is not None:
        fell &= both
    rows = np.flatnonzero(fell.any(axis=1))
    if len(rows):
        lost = np.where(fell[rows], earlier[rows], 0.0)
        gain[rows] += _inside(windows, rows, lost)


def _inside(windows: Windows, rows: Index, lost: Floats) -> Floats:
    """What was lost after the first and up to the last sample of each window.

    A sum of its own for each window: differences of a running one would forget what is small
    after what was large. Rows whose samples are all there share their windows' borders.
    """
    padded = np.concatenate([np.zeros((len(rows), 1)), lost, np.zeros((len(rows), 1))], axis=1)
    if windows.valid is None:
        return _summed(padded, windows.first[0], windows.last[0])
    pairs = zip(padded, windows.first[rows], windows.last[rows], strict=True)
    return np.stack([_summed(one[None], first, last)[0] for one, first, last in pairs])


def _summed(lost: Floats, first: Index, last: Index) -> Floats:
    bounds = np.stack([first + 1, np.maximum(last, first) + 1], axis=1).ravel()
    sums: Floats = np.add.reduceat(lost, bounds, axis=1)[:, ::2]
    return np.where(last > first, sums, 0.0)


def _extrapolated(windows: Windows, gain: Floats, counter: Floats | None) -> Result:
    """The gain, stretched from the first and last sample to the window's borders.

    ``counter``: the first values of what can't have been below zero before.
    """
    times = windows.times
    first, last = times[windows.first], times[windows.last]
    sampled = (last - first) / 1000
    average = sampled / (windows.count - 1)
    to_start = _border((first - windows.starts) / 1000, average)
    to_end = _border((windows.ends - last) / 1000, average)
    if counter is not None:
        to_zero = sampled * (counter / gain)
        sooner = (gain > 0) & (counter >= 0) & (to_zero < to_start)
        to_start = np.where(sooner, to_zero, to_start)
    stretched: Floats = gain * ((sampled + to_start + to_end) / sampled)
    return stretched, windows.present(2)


def _border(distance: Floats, average: Floats) -> Floats:
    near: Floats = np.where(distance >= average * _CLOSE, average / 2, distance)
    return near


def irate(windows: Windows) -> Result:
    """What a counter gained a second from the last sample but one to the last."""
    before, last, seconds = _last_two(windows)
    return np.where(last < before, last, last - before) / seconds, _apart(windows)


def idelta(windows: Windows) -> Result:
    """The difference of the last two samples."""
    before, last, _ = _last_two(windows)
    return last - before, _apart(windows)


def _last_two(windows: Windows) -> tuple[Floats, Floats, Floats]:
    index = windows.last
    earlier = windows.previous(index)
    seconds = (windows.times[index] - windows.times[earlier]) / 1000
    return windows.pick(earlier), windows.pick(index), seconds


def _apart(windows: Windows) -> Bools:
    return windows.present(2)
