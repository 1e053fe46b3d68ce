"""Rates, increases and differences of native histograms in windows."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.frame import Bools, Frame, Histograms, exist
from sidelight.embedded.promql.histogram_arithmetic import compact, divide, scale, subtract
from sidelight.embedded.promql.histogram_gains import CounterSamples, gain_of_gauge
from sidelight.embedded.promql.histogram_resets import was_reset
from sidelight.embedded.promql.histogram_windows import (
    OfWindow,
    Samples,
    computed,
    without_mixed,
)
from sidelight.embedded.promql.native_histogram_annotations import NativeHistogramAnnotations
from sidelight.embedded.promql.range_functions import extrapolation, range_seconds
from sidelight.embedded.promql.range_windows import Windows, cumulative_count


def increased(
    windows: Windows, numbers: Frame, notes: NativeHistogramAnnotations, *, per_second: bool
) -> Frame:
    """Return the increase of counters, extrapolated to the whole windows."""
    seconds = range_seconds(windows) if per_second else 1.0
    made = _extrapolated(windows, numbers, notes, lambda row: CounterSamples(row).gain, seconds)
    gauges = made.has_histogram & _has_gauge(windows)
    notes.of_rows(windows.series, gauges, notes.not_a_counter)
    return made


def delta(windows: Windows, numbers: Frame, notes: NativeHistogramAnnotations) -> Frame:
    """Return the difference between the ends of gauges, extrapolated to the whole windows."""

    def of_row(samples: Samples) -> OfWindow:
        return lambda low, high: gain_of_gauge(samples[low:high])

    made, found = _extrapolated(windows, numbers, notes, of_row, 1.0), windows.of_histograms
    ends = np.array([found.take(at, windows.histograms) for at in (found.first, found.last)])
    counters = _any_of(ends, made.has_histogram, _is_no_gauge)
    notes.of_rows(windows.series, counters, notes.not_a_gauge)
    return made


def between_last_two(
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

    table = computed(windows, both, of_row, notes)
    for row, step in np.argwhere(exist(table)).tolist() if counter else ():
        table[row, step] = divide(table[row, step], float(seconds[row, step]))
    return replace(numbers.where(np.logical_not(kinds.any(axis=0))), histograms=table)


def _last_gain(before: FloatHistogram, last: FloatHistogram, *, counter: bool) -> FloatHistogram:
    gain = last if counter and was_reset(last, before) else subtract(last, before)
    return compact(replace(gain, hint="gauge"))


def _extrapolated(
    windows: Windows,
    numbers: Frame,
    notes: NativeHistogramAnnotations,
    of_row: Callable[[Samples], OfWindow],
    seconds: float,
) -> Frame:
    found = windows.of_histograms
    numbers, alone = without_mixed(windows, numbers, found.present(2), notes)
    factors = np.broadcast_to(extrapolation(found) / seconds, windows.shape)
    table = computed(windows, alone, of_row, notes)
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
