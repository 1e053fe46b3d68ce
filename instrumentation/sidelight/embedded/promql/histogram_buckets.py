"""The boundaries of a native histogram's buckets."""

import math
import sys
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.formatting import format_general
from sidelight.embedded.promql.frame import Floats, Ints

_OVERFLOW: Final = 1024
"""2 to this power is more than every float."""
LEFT_OPEN, RIGHT_OPEN, CLOSED = 0, 1, 3
"""Which of its boundaries a bucket includes, in the numbers of the HTTP API."""


class BoundedBuckets(NamedTuple):
    """Buckets from the lowest; ``kind`` is `LEFT_OPEN`, `RIGHT_OPEN` or `CLOSED`."""

    lower: Floats
    upper: Floats
    counts: Floats
    kind: Ints

    def populated(self) -> "BoundedBuckets":
        """Return the buckets that are not empty."""
        chosen = self.counts != 0
        return BoundedBuckets(*(column[chosen] for column in self))


def upper_bounds(schema: int, indexes: NDArray[np.int32]) -> Floats:
    """Return the ends of positive buckets of an exponential schema.

    The end of the last bucket before that of +Inf is the largest float.
    """
    wide = indexes.astype(np.int64)
    if schema < 0:
        fractions, exponents = np.ones(len(wide)), wide << -schema
    else:
        fractions, exponents = _fractions(schema)[wide & ((1 << schema) - 1)], wide >> schema
    with np.errstate(over="ignore", under="ignore"):
        ends: Floats = np.ldexp(fractions, exponents.astype(np.int32))
    ends[(fractions == 1) & (exponents == _OVERFLOW)] = sys.float_info.max
    return ends


@lru_cache(maxsize=256)
def first_index_beyond(schema: int, least: float) -> int:
    """Return the lowest index of a positive bucket that ends after a number."""
    about = math.floor(math.log2(least) * 2.0**schema)
    near = np.arange(about - 2, about + 4, dtype=np.int32)
    return int(near[(upper_bounds(schema, near) > least).argmax()])


@lru_cache(maxsize=16)
def _fractions(schema: int) -> Floats:
    size = 1 << schema
    return np.array([2.0 ** (part / size) for part in range(size)])


def bounded_buckets(histogram: FloatHistogram, *, overlap: bool = False) -> BoundedBuckets:
    """Return all buckets; those that ``overlap`` with the zero bucket begin there or at its end."""
    if histogram.is_custom:
        return _custom(histogram)
    zero_end, schema = histogram.zero_threshold, histogram.schema
    least = 0.0 if overlap else zero_end
    high, low = histogram.positive, histogram.negative
    starts, ends = (upper_bounds(schema, high.indexes - less) for less in (1, 0))
    near, far = (upper_bounds(schema, low.indexes[::-1] - less) for less in (1, 0))
    zero = [histogram.zero_count] if histogram.zero_count > 0 else []
    threshold = [zero_end] * len(zero)
    kinds = np.repeat(np.array([RIGHT_OPEN, CLOSED, LEFT_OPEN]), [len(low), len(zero), len(high)])
    return BoundedBuckets(
        np.concatenate([-far, np.negative(threshold), np.maximum(starts, least)]),
        np.concatenate([-np.maximum(near, least), threshold, ends]),
        np.concatenate([low.counts[::-1], zero, high.counts]),
        kinds,
    )


def _custom(histogram: FloatHistogram) -> BoundedBuckets:
    indexes = histogram.positive.indexes
    ends = np.array([-np.inf, *histogram.bounds, np.inf])
    kinds = np.where(indexes == 0, CLOSED, LEFT_OPEN)
    return BoundedBuckets(ends[indexes], ends[indexes + 1], histogram.positive.counts, kinds)


_BRACKETS: Final = {LEFT_OPEN: ("(", "]"), RIGHT_OPEN: ("[", ")"), CLOSED: ("[", "]")}


def format_histogram(histogram: FloatHistogram) -> str:
    """Return a histogram as Prometheus writes it into a label."""
    columns = (column.tolist() for column in bounded_buckets(histogram, overlap=True).populated())
    count, total = format_general(histogram.count), format_general(histogram.sum)
    parts = [f"count:{count}, sum:{total}", *map(_format_bucket, *columns)]
    return f"{{{', '.join(parts)}}}"


def _format_bucket(lower: float, upper: float, count: float, kind: int) -> str:
    first, last = _BRACKETS[kind]
    inside = f"{format_general(lower)},{format_general(upper)}"
    return f"{first}{inside}{last}:{format_general(count)}"
