"""Sums, differences and multiples of native histograms, as Prometheus computes them.

https://github.com/prometheus/prometheus/blob/main/model/histogram/float_histogram.go
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.float_histogram import (
    NO_BUCKETS,
    Buckets,
    FloatHistogram,
    ResetHint,
)
from sidelight.embedded.promql.histogram_buckets import first_index_beyond, upper_bounds

_NEAR: Final = 16
"""So many times as far from each other as they are many, indexes are near each other."""


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
    left, zero_count = _with_common_zero_bucket(left, right)
    schema, least = min(left.schema, right.schema), left.zero_threshold

    def side(mine: Buckets, other: Buckets) -> Buckets:
        coarse = coarser(other, right.schema - schema)
        return _merged(coarser(mine, left.schema - schema), beyond(coarse, schema, least), sign)

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


def _merged(mine: Buckets, other: Buckets, sign: float) -> Buckets:
    if mine.has_indexes_of(other):
        return Buckets(mine.indexes, mine.counts + sign * other.counts)
    indexes = _union(mine, other)
    counts = np.zeros(len(indexes))
    counts[indexes.searchsorted(mine.indexes)] = mine.counts
    counts[indexes.searchsorted(other.indexes)] += sign * other.counts
    return Buckets(indexes, counts)


def _union(mine: Buckets, other: Buckets) -> NDArray[np.int32]:
    """Return the indexes of both: by a table if they are near each other, which is faster."""
    pair = [one.indexes for one in (mine, other) if len(one)]
    low, high = min(int(one[0]) for one in pair), max(int(one[-1]) for one in pair)
    if high - low > _NEAR * (len(mine) + len(other)):
        return np.union1d(mine.indexes, other.indexes)
    listed = np.zeros(high - low + 1, bool)
    for one in pair:
        listed[one - low] = True
    return listed.nonzero()[0].astype(np.int32) + np.int32(low)


def coarser(buckets: Buckets, by: int) -> Buckets:
    """Return the buckets of a schema that is lower ``by`` this number."""
    if not by or not len(buckets):
        return buckets
    indexes = ((buckets.indexes - 1) >> by) + 1
    starts = np.flatnonzero(np.diff(indexes, prepend=indexes[0] - 1))
    return Buckets(indexes[starts], np.add.reduceat(buckets.counts, starts))


def beyond(buckets: Buckets, schema: int, least: float) -> Buckets:
    """Return the buckets that end after the zero bucket."""
    if not least or not len(buckets):
        return buckets
    first = buckets.indexes.searchsorted(first_index_beyond(schema, least))
    return Buckets(buckets.indexes[first:], buckets.counts[first:]) if first else buckets


def with_schema(histogram: FloatHistogram, schema: int) -> FloatHistogram:
    """Return the histogram in a schema that is not finer."""
    by = histogram.schema - schema
    if not by:
        return histogram
    positive, negative = coarser(histogram.positive, by), coarser(histogram.negative, by)
    return replace(histogram, schema=schema, positive=positive, negative=negative)


def _with_common_zero_bucket(
    left: FloatHistogram, right: FloatHistogram
) -> tuple[FloatHistogram, float]:
    """Return the left histogram with a zero bucket for both, and the right one's count in it."""
    count, threshold = right.zero_count, right.zero_threshold
    while threshold != left.zero_threshold:
        if threshold < left.zero_threshold:
            count, threshold = wider_zero_bucket(right, left.zero_threshold)
        if threshold > left.zero_threshold:
            left = _with_zero_bucket(left, threshold)
    return left, count


def _with_zero_bucket(histogram: FloatHistogram, least: float) -> FloatHistogram:
    count, threshold = wider_zero_bucket(histogram, least)

    def outside(buckets: Buckets) -> Buckets:
        chosen = upper_bounds(histogram.schema, buckets.indexes - 1) >= threshold
        return Buckets(buckets.indexes[chosen], buckets.counts[chosen])

    positive, negative = outside(histogram.positive), outside(histogram.negative)
    return compact(
        replace(
            histogram,
            zero_count=count,
            zero_threshold=threshold,
            positive=positive,
            negative=negative,
        )
    )


def wider_zero_bucket(histogram: FloatHistogram, threshold: float) -> tuple[float, float]:
    """Return the count and the threshold of a zero bucket with at least this threshold.

    The threshold is raised to the end of a bucket that it would divide.
    """
    while True:
        if threshold == histogram.zero_threshold:
            return histogram.zero_count, threshold
        count, end = histogram.zero_count, threshold
        for buckets in (histogram.positive, histogram.negative):
            inside = upper_bounds(histogram.schema, buckets.indexes - 1) < threshold
            divided = inside & (buckets.counts != 0)
            ends = upper_bounds(histogram.schema, buckets.indexes[divided])
            end = max(end, ends.max(initial=end))
            count += float(buckets.counts[inside].sum())
        if end == threshold:
            return count, threshold
        threshold = end


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
    positive, negative = map(_without_empty, sides)
    return replace(histogram, positive=positive, negative=negative)


def _without_empty(buckets: Buckets) -> Buckets:
    chosen = buckets.counts != 0
    return Buckets(buckets.indexes[chosen], buckets.counts[chosen])
