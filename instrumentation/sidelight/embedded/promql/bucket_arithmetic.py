"""Buckets of native histograms are added, made coarser, and left out."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.float_histogram import Buckets
from sidelight.embedded.promql.histogram_buckets import first_index_beyond

_NEAR: Final = 16
"""So many times as far from each other as they are many, indexes are near each other."""


def merged(mine: Buckets, other: Buckets, sign: float) -> Buckets:
    """Return some buckets and ``sign`` times others, of the same schema."""
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


def without_empty(buckets: Buckets) -> Buckets:
    """Return the buckets that are not empty."""
    chosen = buckets.counts != 0
    return Buckets(buckets.indexes[chosen], buckets.counts[chosen])
