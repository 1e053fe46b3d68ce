"""Functions of native histograms, and those of native and classic ones."""

import math
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from sidelight.embedded.promql.arguments import ArgumentEvaluator
from sidelight.embedded.promql.ast import FunctionCall
from sidelight.embedded.promql.classic_annotations import ClassicHistogramAnnotations
from sidelight.embedded.promql.classic_buckets import bucket_layout
from sidelight.embedded.promql.classic_fraction import histogram_fractions
from sidelight.embedded.promql.classic_quantile import histogram_quantiles
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.frame import Frame, stacked_frames
from sidelight.embedded.promql.histogram_statistics import (
    has_unknown_observations,
    histogram_fraction,
    histogram_quantile,
    histogram_variance,
)
from sidelight.embedded.promql.limits import QueryUsage
from sidelight.embedded.promql.native_histogram_annotations import (
    NativeHistogramAnnotations,
    name_of,
)

OfHistogram = Callable[[FloatHistogram], float]
OfHistogramAtStep = Callable[[FloatHistogram, int], float]


def _of_native(function: OfHistogram, args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    """Evaluate a function of one histogram for each; numbers have no result."""
    frame = args.vector(call.args[0])
    return _numbers_of(frame, lambda one, _: function(one), args.usage).merged_per_step()


def _numbers_of(frame: Frame, function: OfHistogramAtStep, usage: QueryUsage) -> Frame:
    """Compute a number from each histogram, given it and its step."""
    present, values = frame.has_histogram, np.zeros(frame.present.shape)
    for row in np.flatnonzero(present.any(axis=1)).tolist():
        assert frame.histograms is not None  # noqa: S101 for mypy: it has some
        usage.check_time()
        for step in np.flatnonzero(present[row]).tolist():
            values[row, step] = function(frame.histograms[row, step], step)
    return Frame(frame.series.without_metadata(), values, present)


def _quantile(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    q = args.scalar(call.args[0])
    with args.usage.hold(q.size):
        frame = args.vector(call.args[1])
    args.annotations.invalid_quantiles(np.unique(q).tolist(), call.starts[0])
    notes = NativeHistogramAnnotations(args.annotations, call.starts[0])

    def of_native(histogram: FloatHistogram, step: int) -> float:
        found = histogram_quantile(float(q[step]), histogram)
        if math.isnan(histogram.sum) and 0 <= q[step] <= 1 and has_unknown_observations(histogram):
            effect = "result is NaN" if math.isnan(found) else "result is skewed higher"
            notes.unknown_observations(call.name, effect)
        return found

    return _of_both(args, call, frame, of_native, partial(histogram_quantiles, q))


def _fraction(args: ArgumentEvaluator, call: FunctionCall) -> Frame:
    lower, upper = args.scalars(call.args[:2])
    with args.usage.hold(2 * lower.size):
        frame = args.vector(call.args[2])
    notes = NativeHistogramAnnotations(args.annotations, call.starts[0])

    def of_native(histogram: FloatHistogram, step: int) -> float:
        low, high = float(lower[step]), float(upper[step])
        if low < high and has_unknown_observations(histogram):
            notes.unknown_observations(call.name, "which are excluded from all fractions")
        return histogram_fraction(low, high, histogram)

    return _of_both(args, call, frame, of_native, partial(histogram_fractions, lower, upper))


def _of_both(
    args: ArgumentEvaluator,
    call: FunctionCall,
    frame: Frame,
    of_native: OfHistogramAtStep,
    of_classic: Callable[[Frame, QueryUsage, ClassicHistogramAnnotations], Frame],
) -> Frame:
    """Evaluate a function of native and of classic histograms."""
    at = call.starts[-1]
    about_classic = ClassicHistogramAnnotations(args.annotations, at)
    if frame.histograms is None:
        return of_classic(frame, args.usage, about_classic)
    frame = _without_doubles(frame, NativeHistogramAnnotations(args.annotations, at))
    parts = [
        _numbers_of(frame, of_native, args.usage),
        of_classic(frame.numbers(), args.usage, about_classic),
    ]
    return stacked_frames(parts, len(args.steps)).merged_per_step()


def _without_doubles(frame: Frame, notes: NativeHistogramAnnotations) -> Frame:
    """Drop histograms that are there as native and as classic ones at the same step."""
    natives = frame.has_histogram
    layout = bucket_layout(frame.series)
    rows = {tuple(labels.items()): row for row, labels in enumerate(frame.series.labels)}
    chosen = np.ones(frame.present.shape, bool)
    for number, labels in enumerate(layout.histograms):
        row = rows.get(tuple(labels.items()))
        if row is not None:
            classic = layout.rows_of(number)
            double = natives[row] & frame.present[classic].any(axis=0)
            chosen[[row, *classic]] &= ~double
            if double.any():
                notes.classic_too(name_of(frame.series, row))
    return frame.where(chosen)


def _average(histogram: FloatHistogram) -> float:
    return float(np.divide(histogram.sum, histogram.count))


def _deviation(histogram: FloatHistogram) -> float:
    return float(np.sqrt(histogram_variance(histogram)))


HISTOGRAM_FUNCTIONS: Final[dict[str, Callable[[ArgumentEvaluator, FunctionCall], Frame]]] = {
    "histogram_avg": partial(_of_native, _average),
    "histogram_count": partial(_of_native, lambda one: one.count),
    "histogram_fraction": _fraction,
    "histogram_quantile": _quantile,
    "histogram_stddev": partial(_of_native, _deviation),
    "histogram_stdvar": partial(_of_native, histogram_variance),
    "histogram_sum": partial(_of_native, lambda one: one.sum),
}
