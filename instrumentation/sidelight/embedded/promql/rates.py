"""How fast something grows, from the samples of a window: rate, increase, delta and their like."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from sidelight.embedded.promql.frame import Bools, Floats
from sidelight.embedded.promql.windows import Index, Windows

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
    """What a counter had before each fall is added: it fell to zero and began again.

    One after another, as Prometheus adds them, to the windows that have both samples: differences
    of a running sum would forget what is small after what was large.
    """
    if len(windows.times) < 2:  # noqa: PLR2004 # one sample has none before it
        return
    earlier, both = windows.neighbours()
    fell = windows.values[:, 1:] < earlier
    if both is not None:
        fell &= both
    for before in np.flatnonzero(fell.any(axis=0)).tolist():
        windows.budget.check()
        rows = np.flatnonzero(fell[:, before])
        first = windows.high.searchsorted(before + 1, side="right")
        for place, some in _by_previous(windows, rows, before):
            last = windows.low.searchsorted(place, side="right")
            gain[some, first:last] += earlier[some, before, None]


def _by_previous(windows: Windows, rows: Index, before: int) -> Iterator[tuple[int, Index]]:
    """The rows by where their sample before is: where all have all samples, it is the same."""
    if windows.valid is None:
        yield before, rows
        return
    places = windows.before[rows, before]
    for place in np.unique(places):
        yield place, rows[places == place]


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
