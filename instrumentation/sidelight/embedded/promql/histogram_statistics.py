"""Quantiles, fractions and variances of the observations of a native histogram.

https://github.com/prometheus/prometheus/blob/main/promql/quantile.go
"""

import math
from typing import Final, NamedTuple

import numpy as np

from sidelight.embedded.promql.compensated import compensated_sums
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.frame import Floats
from sidelight.embedded.promql.histogram_buckets import BoundedBuckets, bounded_buckets

_UPPER_HALF: Final = 0.5


class Bucket(NamedTuple):
    """One bucket."""

    lower: float = 0.0
    upper: float = 0.0
    observations: float = 0.0


def histogram_quantile(q: float, histogram: FloatHistogram) -> float:
    """Return a quantile, as if observations were evenly spread on the scale of their bucket."""
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    if histogram.count == 0 or math.isnan(q):
        return math.nan
    buckets, unknown = bounded_buckets(histogram), math.isnan(histogram.sum)
    upward = unknown or q < _UPPER_HALF
    rank = (q if upward else 1 - q) * histogram.count
    at, total = _position(buckets.counts, rank, upward=upward)
    end = _only_end(_bucket(buckets, at)) if histogram.is_custom else None
    if end is not None:
        return end
    bucket, total = _bucket(buckets, at), min(total, histogram.count)
    custom = histogram.is_custom
    if bucket.lower == -math.inf if custom else bucket.lower < 0 < bucket.upper:
        bucket = _from_zero(bucket, histogram)
    if total < rank:
        return math.nan if unknown else bucket.upper
    inside = rank - (total - bucket.observations) if upward else total - rank
    if unknown and at < len(buckets.counts) - 1:
        bucket = _bucket(buckets, -1)  # with observations of NaN, Prometheus takes the last one
    return _interpolated(bucket, inside, linear=histogram.is_custom)


def _position(counts: Floats, rank: float, *, upward: bool) -> tuple[int, float]:
    """Return the bucket in which the count from one end reaches a rank, and that count."""
    if not len(counts):
        return 0, 0.0
    ordered = counts if upward else counts[::-1]
    totals = np.add.accumulate(ordered)
    reached = np.flatnonzero((totals >= rank) & (ordered != 0))
    at = int(reached[0]) if len(reached) else len(counts) - 1
    return at if upward else len(counts) - 1 - at, float(totals[at])


def _bucket(buckets: BoundedBuckets, at: int) -> Bucket:
    if not len(buckets.counts):
        return Bucket()
    return Bucket(float(buckets.lower[at]), float(buckets.upper[at]), float(buckets.counts[at]))


def _only_end(bucket: Bucket) -> float | None:
    """Return the end of a custom bucket that is the quantile, as it has no other to use."""
    if bucket.lower == -math.inf:
        return bucket.upper if bucket.upper <= 0 else None
    return bucket.lower if bucket.upper == math.inf else None


def _from_zero(bucket: Bucket, histogram: FloatHistogram) -> Bucket:
    """Return the bucket around zero, without the side on which there are no observations."""
    if len(histogram.positive) and not len(histogram.negative):
        return bucket._replace(lower=0.0)
    if len(histogram.negative) and not len(histogram.positive):
        return bucket._replace(upper=0.0)
    return bucket


def _interpolated(bucket: Bucket, inside: float, *, linear: bool) -> float:
    """Return where so many of the observations of a bucket are lower."""
    lower, upper, count = bucket
    share = float(np.divide(inside, count))
    if linear or lower <= 0 <= upper:
        return lower + (upper - lower) * share
    low, high = float(np.log2(abs(lower))), float(np.log2(abs(upper)))
    if lower > 0:
        return float(np.exp2(low + (high - low) * share))
    return -float(np.exp2(high + (low - high) * (1 - share)))


def histogram_fraction(lower: float, upper: float, histogram: FloatHistogram) -> float:
    """Return the fraction of the observations between two values."""
    if histogram.count == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0
    buckets = bounded_buckets(histogram)
    counted = float(np.add.accumulate(buckets.counts)[-1]) if len(buckets.counts) else 0.0
    total = counted if math.isnan(histogram.sum) else histogram.count
    ranks = [min(_rank(value, buckets, histogram, total), total) for value in (lower, upper)]
    return (ranks[1] - ranks[0]) / histogram.count


def _rank(value: float, buckets: BoundedBuckets, histogram: FloatHistogram, total: float) -> float:
    """Return how many observations are below a value; ``total`` if no bucket ends after it."""
    before = 0.0
    for bucket in map(Bucket, *(column.tolist() for column in buckets[:3])):
        zero = bucket.lower <= 0 <= bucket.upper
        lower, upper, count = _from_zero(bucket, histogram) if zero else bucket
        if lower >= value:
            return before
        if upper > value:
            linear = histogram.is_custom or zero
            return before + count * _share(value, lower, upper, linear=linear)
        before += count
    return total


def _share(value: float, lower: float, upper: float, *, linear: bool) -> float:
    """Return how much of a bucket is below a value."""
    if linear:
        return float(np.divide(value - lower, upper - lower))
    low, high, at = (float(np.log2(abs(one))) for one in (lower, upper, value))
    return (at - low) / (high - low) if value > 0 else 1 - (at - high) / (low - high)


def has_unknown_observations(histogram: FloatHistogram) -> bool:
    """Return whether it has observations of NaN, which are in no bucket."""
    counts = bounded_buckets(histogram).counts
    return math.isnan(histogram.sum) and float(counts.sum()) < histogram.count


def histogram_variance(histogram: FloatHistogram) -> float:
    """Return the variance, as if the observations were in the middles of their buckets."""
    lower, upper, counts, _ = bounded_buckets(histogram).populated()
    if not len(counts):
        return float(np.divide(0.0, histogram.count))
    if histogram.is_custom:
        middles = (upper + lower) / 2
    else:
        middles = np.copysign(np.sqrt(upper * lower), upper)
        middles[(lower <= 0) & (upper >= 0)] = 0.0
    distance = middles - float(np.divide(histogram.sum, histogram.count))
    total = compensated_sums(counts * distance * distance, axis=0)
    return float(np.divide(total, histogram.count))
