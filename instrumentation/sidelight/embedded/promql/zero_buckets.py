"""Zero buckets of native histograms are made equally wide."""

from dataclasses import replace

from sidelight.embedded.promql.bucket_arithmetic import without_empty
from sidelight.embedded.promql.float_histogram import Buckets, FloatHistogram
from sidelight.embedded.promql.histogram_buckets import upper_bounds


def with_common_zero_bucket(
    left: FloatHistogram, right: FloatHistogram
) -> tuple[FloatHistogram, float]:
    """Return the left histogram with a zero bucket for both, and the right one's count in it."""
    count, threshold = right.zero_count, right.zero_threshold
    while threshold < left.zero_threshold or threshold > left.zero_threshold:  # not of NaN
        if threshold < left.zero_threshold:
            count, threshold = wider_zero_bucket(right, left.zero_threshold)
        if threshold > left.zero_threshold:
            left = _with_zero_bucket(left, threshold)
    return left, count


def _with_zero_bucket(histogram: FloatHistogram, least: float) -> FloatHistogram:
    count, threshold = wider_zero_bucket(histogram, least)

    def outside(buckets: Buckets) -> Buckets:
        chosen = upper_bounds(histogram.schema, buckets.indexes - 1) >= threshold
        return without_empty(Buckets(buckets.indexes[chosen], buckets.counts[chosen]))

    return replace(
        histogram,
        zero_count=count,
        zero_threshold=threshold,
        positive=outside(histogram.positive),
        negative=outside(histogram.negative),
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
        if not end > threshold:
            return count, threshold
        threshold = end
