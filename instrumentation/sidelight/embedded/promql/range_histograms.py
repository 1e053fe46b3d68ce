"""Functions of a range vector whose series have native histograms."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.frame import Frame, exist, kept
from sidelight.embedded.promql.histogram_means import mean_of_histograms, sum_of_histograms
from sidelight.embedded.promql.histogram_rates import between_last_two, delta, increased
from sidelight.embedded.promql.histogram_resets import was_reset
from sidelight.embedded.promql.histogram_windows import (
    OfWindow,
    Samples,
    computed,
    without_mixed,
)
from sidelight.embedded.promql.native_histogram_annotations import NativeHistogramAnnotations
from sidelight.embedded.promql.range_windows import Windows


def with_range_histograms(
    name: str, windows: Windows, numbers: Frame, notes: NativeHistogramAnnotations
) -> Frame:
    """Return the results of a function; ``numbers``: those for the numbers of the windows."""
    return _FUNCTIONS.get(name, _of_numbers_only)(windows, numbers, notes)


def _of_numbers_only(windows: Windows, numbers: Frame, notes: NativeHistogramAnnotations) -> Frame:
    both = windows.present() & windows.of_histograms.present()
    notes.of_rows(windows.series, both, notes.ignored_in_range)
    return numbers


def _counted(windows: Windows, numbers: Frame, _: NativeHistogramAnnotations) -> Frame:
    counts = np.broadcast_to(windows.of_all.count, windows.shape).astype(float)
    return Frame(numbers.series, counts, windows.of_all.present())


def _present(windows: Windows, numbers: Frame, _: NativeHistogramAnnotations) -> Frame:
    return Frame(numbers.series, np.ones(windows.shape), windows.of_all.present())


def _newest(windows: Windows, numbers: Frame, _: NativeHistogramAnnotations) -> Frame:
    newest = windows.of_all.take(windows.of_all.last, windows.histograms)
    found = kept(newest, windows.of_all.present())
    return replace(numbers.where(~exist(found)), histograms=found)


def _folded(
    fold: Callable[[Samples], FloatHistogram],
    windows: Windows,
    numbers: Frame,
    notes: NativeHistogramAnnotations,
) -> Frame:
    """Compute one histogram from all those of a window."""
    chosen = windows.of_histograms.present()
    numbers, alone = without_mixed(windows, numbers, chosen, notes)

    def of_row(samples: Samples) -> OfWindow:
        return lambda low, high: fold(samples[low:high])

    return replace(numbers, histograms=computed(windows, alone, of_row, notes))


def _marked(
    differ: Callable[[float, float], bool],
    histograms_differ: Callable[[FloatHistogram, FloatHistogram], bool],
    windows: Windows,
    numbers: Frame,
    _: NativeHistogramAnnotations,
) -> Frame:
    """Count in each window how often a sample differs from the one before it."""
    assert windows.histograms is not None  # noqa: S101 for mypy: as in every function here
    every = windows.of_all
    valid = np.broadcast_to(True if every.valid is None else every.valid, windows.values.shape)
    marks = np.zeros((len(valid), valid.shape[1] - 1), bool)
    for row in range(len(valid)):
        windows.usage.check_time()
        table, values = windows.histograms[row], windows.values[row]
        for before, now in pairwise(np.flatnonzero(valid[row]).tolist()):
            a, b = table[before], table[now]
            if a is None and b is None:
                marks[row, now - 1] = differ(float(values[before]), float(values[now]))
            else:
                marks[row, now - 1] = a is None or b is None or histograms_differ(a, b)
    counts = every.count_marked(marks).astype(float)
    return Frame(numbers.series, counts, every.present())


def _changed(before: float, now: float) -> bool:
    return before != now and not (before != before and now != now)  # noqa: PLR0124 # NaN


_FUNCTIONS: Final[dict[str, Callable[[Windows, Frame, NativeHistogramAnnotations], Frame]]] = {
    "avg_over_time": partial(_folded, mean_of_histograms),
    "changes": partial(_marked, _changed, lambda before, now: not now.same(before)),
    "count_over_time": _counted,
    "delta": delta,
    "idelta": partial(between_last_two, counter=False),
    "increase": partial(increased, per_second=False),
    "irate": partial(between_last_two, counter=True),
    "last_over_time": _newest,
    "present_over_time": _present,
    "rate": partial(increased, per_second=True),
    "resets": partial(_marked, lambda before, now: now < before, lambda a, b: was_reset(b, a)),
    "sum_over_time": partial(_folded, sum_of_histograms),
}
