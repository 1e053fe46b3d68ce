"""Sums, differences and multiples of native histograms, as Prometheus computes them.

https://github.com/prometheus/prometheus/blob/main/model/histogram/float_histogram.go
"""

from dataclasses import replace

import numpy as np

from sidelight.embedded.promql.bucket_arithmetic import beyond, coarser, merged, without_empty
from sidelight.embedded.promql.float_histogram import (
    NO_BUCKETS,
    Buckets,
    FloatHistogram,
    ResetHint,
)
from sidelight.embedded.promql.zero_buckets import with_common_zero_bucket


class IncompatibleHistogramsError(ValueError):
    """Two histograms have no common buckets.

    ``mixed``: one has custom bounds and the other has not; otherwise their custom bounds differ.
    """

    def __init__(self, *, mixed: bool) -> None:
        super().__init__("mixed schemas" if mixed else "different custom bounds")
        self.mixed = mixed


def are_compatible(left: FloatHistogram, right: FloatHistogram) -> bool:
    """Return whether two histograms can be added."""
    return left.is_custom == right.is_custom and left.bounds == right.bounds


def add(left: FloatHistogram, right: FloatHistogram) -> FloatHistogram:
    """Return the sum. `IncompatibleHistogramsError` if there is none."""
    return _combined(left, right, 1.0, _hint_of_sum(left.hint, right.hint))


def subtract(left: FloatHistogram, right: FloatHistogram) -> FloatHistogram:
    """Return the difference. `IncompatibleHistogramsError` if there is none."""
    return _combined(left, right, -1.0, left.hint)


def _hint_of_sum(left: ResetHint, right: ResetHint) -> ResetHint:
    if left == right:
        return left
    return "gauge" if "gauge" in {left, right} else "unknown"


def _combined(
    left: FloatHistogram, right: FloatHistogram, sign: float, hint: ResetHint
) -> FloatHistogram:
    """Return the left histogram and ``sign`` times the right one, in the coarser schema."""
    if not are_compatible(left, right):
        raise IncompatibleHistogramsError(mixed=left.is_custom != right.is_custom)
    left, zero_count = with_common_zero_bucket(left, right)
    schema, least = min(left.schema, right.schema), left.zero_threshold

    def side(mine: Buckets, other: Buckets) -> Buckets:
        coarse = coarser(other, right.schema - schema)
        return merged(coarser(mine, left.schema - schema), beyond(coarse, schema, least), sign)

    return FloatHistogram(
        schema,
        left.count + sign * right.count,
        left.sum + sign * right.sum,
        least,
        left.zero_count + sign * zero_count,
        side(left.positive, right.positive),
        side(left.negative, right.negative),
        left.bounds,
        hint,
    )


def with_schema(histogram: FloatHistogram, schema: int) -> FloatHistogram:
    """Return the histogram in a schema that is not finer."""
    by = histogram.schema - schema
    if not by:
        return histogram
    positive, negative = coarser(histogram.positive, by), coarser(histogram.negative, by)
    return replace(histogram, schema=schema, positive=positive, negative=negative)


def scale(histogram: FloatHistogram, factor: float) -> FloatHistogram:
    """Return a multiple."""
    return _with_counts(
        histogram,
        histogram.count * factor,
        histogram.sum * factor,
        histogram.zero_count * factor,
        Buckets(histogram.positive.indexes, histogram.positive.counts * factor),
        Buckets(histogram.negative.indexes, histogram.negative.counts * factor),
    )


def divide(histogram: FloatHistogram, divisor: float) -> FloatHistogram:
    """Return a quotient. Divided by 0, a histogram has no buckets but the zero bucket."""
    count, total, zero_count = (
        float(np.divide(one, divisor))
        for one in (histogram.count, histogram.sum, histogram.zero_count)
    )
    positive, negative = (
        Buckets(one.indexes, one.counts / divisor) if divisor else NO_BUCKETS
        for one in (histogram.positive, histogram.negative)
    )
    return _with_counts(histogram, count, total, zero_count, positive, negative)


def _with_counts(  # noqa: PLR0913, PLR0917 # all that can be multiplied
    histogram: FloatHistogram,
    count: float,
    total: float,
    zero_count: float,
    positive: Buckets,
    negative: Buckets,
) -> FloatHistogram:
    return FloatHistogram(
        histogram.schema,
        count,
        total,
        histogram.zero_threshold,
        zero_count,
        positive,
        negative,
        histogram.bounds,
        histogram.hint,
    )


def compact(histogram: FloatHistogram) -> FloatHistogram:
    """Return the histogram without its empty buckets."""
    sides = histogram.positive, histogram.negative
    if all(one.counts.all() for one in sides):
        return histogram
    positive, negative = map(without_empty, sides)
    return replace(histogram, positive=positive, negative=negative)
