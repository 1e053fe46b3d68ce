"""Native histograms are compared: in all parts, but empty buckets."""

from collections.abc import Callable

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.histogram_arithmetic import compact


def same_histogram(
    one: FloatHistogram, other: FloatHistogram, same: Callable[[float, float], bool]
) -> bool:
    """Whether two histograms have the same layout, and numbers that are the same."""
    return _layout(one) == _layout(other) and all(map(same, _numbers(one), _numbers(other)))


def _layout(of: FloatHistogram) -> tuple[int, float, tuple[float, ...], list[int], list[int]]:
    sides = compact(of).positive.indexes.tolist(), compact(of).negative.indexes.tolist()
    return of.schema, of.zero_threshold, of.bounds, *sides


def _numbers(of: FloatHistogram) -> list[float]:
    sides = compact(of).positive.counts.tolist(), compact(of).negative.counts.tolist()
    return [of.count, of.sum, of.zero_count, *sides[0], *sides[1]]
