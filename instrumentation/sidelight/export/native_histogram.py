"""A duration series as a native histogram of schema 3."""

from bisect import bisect_left
from functools import lru_cache
from itertools import compress, pairwise
from math import inf
from typing import Final, NamedTuple

from sidelight.contract.native_buckets import BEYOND, BOUNDARIES, FIRST, INDEXES
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.store.schema import StoredFamily

NO_VALUES: Final = (0,)
"""The values of a series that is shown at zero."""


class NativeHistogram(NamedTuple):
    """The counts of a native histogram: ``buckets`` are index and count, ascending, none empty.

    Bucket ``i`` has what is more than 2^((i - 1) / 8) s and at most 2^(i / 8) s, ``zero_count``
    what is at most 2^-13 s. Above 2^7 s only a bucket that ends at a power of two has a count, of
    all since the one before, and what is more than 2^15 s is in bucket `native_buckets.BEYOND`.
    """

    zero_count: int
    buckets: list[tuple[int, int]]


def native_histogram(snapshot: Snapshot, key: SeriesKey) -> NativeHistogram | None:
    """A series of a snapshot as a native histogram; None where its family is none."""
    if not key.family.native:
        return None
    return of_values(key.family.bounds, snapshot.stored.get(key, NO_VALUES))


def of_values(bounds: tuple[float, ...], values: tuple[int, ...]) -> NativeHistogram:
    """The values of a series, as they are stored, or `NO_VALUES`, as a native histogram.

    ``bounds`` are the classic ones. A native bucket that one of them splits is the sum of its
    parts.
    """
    counts = [*values[1:], 0]
    indexes, parts = _indexes(bounds)
    for at in parts:
        if at + 1 >= len(counts):
            break
        counts[at + 1] += counts[at]
        counts[at] = 0
    found = list(zip(compress(indexes, counts), filter(None, counts), strict=True))
    zero = found.pop(0)[1] if found and found[0][0] == FIRST else 0
    return NativeHistogram(zero, found)


@lru_cache(maxsize=64)
def _indexes(bounds: tuple[float, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The native bucket of each stored one (infinity is the last); which belong to the next one."""
    stored = StoredFamily("", "histogram", bounds, native=True).stored_bounds
    indexes = (*INDEXES, BEYOND)
    found = [indexes[bisect_left(BOUNDARIES, bound)] for bound in (*stored, inf)]
    return tuple(found), tuple(at for at, pair in enumerate(pairwise(found)) if len({*pair}) == 1)
