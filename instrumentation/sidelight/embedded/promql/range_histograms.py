"""Functions of a range vector whose series have native histograms."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.frame import Bools, Frame, Histograms, exist, kept
from sidelight.embedded.promql.histogram_arithmetic import (
    IncompatibleHistogramsError,
    compact,
    divide,
    scale,
    subtract,
)
from sidelight.embedded.promql.histogram_gains import CounterSamples, gain_of_gauge
from sidelight.embedded.promql.histogram_means import mean_of_histograms, sum_of_histograms
from sidelight.embedded.promql.histogram_resets import was_reset
from sidelight.embedded.promql.native_histogram_annotations import (
    NativeHistogramAnnotations,
    name_of,
)
from sidelight.embedded.promql.range_functions import extrapolation, range_seconds
from sidelight.embedded.promql.selectors import Windows, cumulative_count

Samples = Sequence[FloatHistogram]
OfWindow = Callable[[int, int], FloatHistogram]
"""Computes a result from the samples between two positions."""


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
    numbers, alone = _without_mixed(windows, numbers, chosen, notes)

    def of_row(samples: Samples) -> OfWindow:
        return lambda low, high: fold(samples[low:high])

    return replace(numbers, histograms=_computed(windows, alone, of_row, notes))


def _without_mixed(
    windows: Windows, numbers: Frame, chosen: Bools, notes: NativeHistogramAnnotations
) -> tuple[Frame, Bools]:
    """Drop windows with numbers and histograms; return the rest of the numbers and ``chosen``."""
    mixed = windows.present() & windows.of_histograms.present()
    notes.of_rows(windows.series, mixed, notes.mixed_range)
    return numbers.where(~mixed), chosen & ~mixed


def _increased(
    windows: Windows, numbers: Frame, notes: NativeHistogramAnnotations, *, per_second: bool
) -> Frame:
    """Return the increase of counters, extrapolated to the whole windows."""
    seconds = range_seconds(windows) if per_second else 1.0
    made = _extrapolated(windows, numbers, notes, lambda row: CounterSamples(row).gain, seconds)
    gauges = made.has_histogram & _has_gauge(windows)
    notes.of_rows(windows.series, gauges, notes.not_a_counter)
    return made


def _delta(windows: Windows, numbers: Frame, notes: NativeHistogramAnnotations) -> Frame:
    def of_row(samples: Samples) -> OfWindow:
        return lambda low, high: gain_of_gauge(samples[low:high])

    made, found = _extrapolated(windows, numbers, notes, of_row, 1.0), windows.of_histograms
    ends = np.array([found.take(at, windows.histograms) for at in (found.first, found.last)])
    counters = _any_of(ends, made.has_histogram, _is_no_gauge)
    notes.of_rows(windows.series, counters, notes.not_a_gauge)
    return made


def _extrapolated(
    windows: Windows,
    numbers: Frame,
    notes: NativeHistogramAnnotations,
    of_row: Callable[[Samples], OfWindow],
    seconds: float,
) -> Frame:
    found = windows.of_histograms
    numbers, alone = _without_mixed(windows, numbers, found.present(2), notes)
    factors = np.broadcast_to(extrapolation(found) / seconds, windows.shape)
    table = _computed(windows, alone, of_row, notes)
    for row, step in np.argwhere(exist(table)).tolist():
        gain = scale(compact(table[row, step]), float(factors[row, step]))
        table[row, step] = replace(gain, hint="gauge")
    return replace(numbers, histograms=table)


def _has_gauge(windows: Windows) -> Bools:
    """Return which windows have a histogram that is a gauge."""
    assert windows.histograms is not None  # noqa: S101 for mypy: as in every function here
    cells = [[one is not None and _is_gauge(one) for one in row] for row in windows.histograms]
    sums = cumulative_count(np.array(cells))
    return np.asarray(sums[:, windows.high] > sums[:, windows.low])


def _any_of(ends: Histograms, chosen: Bools, judge: Callable[[FloatHistogram], bool]) -> Bools:
    """Return for which of the chosen windows one of its two samples (2 x n x s) is judged true."""
    found = np.zeros(chosen.shape, bool)
    for row, step in np.argwhere(chosen).tolist():
        found[row, step] = any(map(judge, ends[:, row, step]))
    return found


def _is_gauge(histogram: FloatHistogram) -> bool:
    return histogram.hint == "gauge"


def _is_no_gauge(histogram: FloatHistogram) -> bool:
    return histogram.hint != "gauge"


def _between_last_two(
    windows: Windows, numbers: Frame, notes: NativeHistogramAnnotations, *, counter: bool
) -> Frame:
    """Return the difference of the last two samples, for counters per second."""
    every = windows.of_all
    last = every.last
    before = every.previous(last)
    ends = np.array([every.take(at, windows.histograms) for at in (before, last)])
    kinds = exist(ends)
    both = every.present(2) & kinds.all(axis=0)
    mixed = every.present(2) & (kinds[0] != kinds[1])
    notes.of_rows(windows.series, mixed, notes.mixed_range)
    doubtful = _any_of(ends, both, _is_gauge if counter else _is_no_gauge)
    say = notes.not_a_counter if counter else notes.not_a_gauge
    notes.of_rows(windows.series, doubtful, say)
    seconds = np.broadcast_to((windows.times[last] - windows.times[before]) / 1000, both.shape)

    def of_row(samples: Samples) -> OfWindow:
        return lambda _, high: _last_gain(*samples[high - 2 : high], counter=counter)

    table = _computed(windows, both, of_row, notes)
    for row, step in np.argwhere(exist(table)).tolist() if counter else ():
        table[row, step] = divide(table[row, step], float(seconds[row, step]))
    return replace(numbers.where(np.logical_not(kinds.any(axis=0))), histograms=table)


def _last_gain(before: FloatHistogram, last: FloatHistogram, *, counter: bool) -> FloatHistogram:
    gain = last if counter and was_reset(last, before) else subtract(last, before)
    return compact(replace(gain, hint="gauge"))


def _computed(
    windows: Windows,
    chosen: Bools,
    of_row: Callable[[Samples], OfWindow],
    notes: NativeHistogramAnnotations,
) -> Histograms:
    """Compute a histogram for each of the chosen windows, n x s; None where there is none."""
    assert windows.histograms is not None  # noqa: S101 for mypy: as in every function here
    table, size = np.full(windows.shape, None), 0
    for row in np.flatnonzero(chosen.any(axis=1)).tolist():
        places = np.flatnonzero(exist(windows.histograms[row]))
        low, high = (places.searchsorted(ends).tolist() for ends in (windows.low, windows.high))
        compute = of_row(windows.histograms[row][places].tolist())
        for step in np.flatnonzero(chosen[row]).tolist():
            try:
                made = table[row, step] = compute(low[step], high[step])
                size += made.size
            except IncompatibleHistogramsError as error:
                notes.incompatible(name_of(windows.series, row), error)
        windows.usage.check_samples(size)
    return table


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
    "delta": _delta,
    "idelta": partial(_between_last_two, counter=False),
    "increase": partial(_increased, per_second=False),
    "irate": partial(_between_last_two, counter=True),
    "last_over_time": _newest,
    "present_over_time": _present,
    "rate": partial(_increased, per_second=True),
    "resets": partial(_marked, lambda before, now: now < before, lambda a, b: was_reset(b, a)),
    "sum_over_time": partial(_folded, sum_of_histograms),
}
