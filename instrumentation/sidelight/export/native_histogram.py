"""A duration series as a native histogram of schema 3."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from math import inf
from typing import Final

from sidelight.contract import NANOSECONDS
from sidelight.contract.native_buckets import BEYOND, BOUNDARIES, FIRST, INDEXES
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.store.schema import StoredFamily

NO_VALUES: Final = (0,)
"""The values of a series that is shown at zero."""


@dataclass(frozen=True, slots=True)
class NativeHistogram:
    """A native histogram: ``buckets`` are pairs of index and count, ascending, none of them empty.

    Bucket ``i`` has what is more than 2^((i - 1) / 8) s and at most 2^(i / 8) s, ``zero_count``
    what is at most 2^-13 s; ``sum`` is in seconds. Above 2^7 s only a bucket that ends at a power
    of two has a count, of all since the one before, and what is more than 2^15 s is in bucket
    `native_buckets.BEYOND`.
    """

    count: int
    sum: float
    zero_count: int
    buckets: list[tuple[int, int]]


def native_histogram(snapshot: Snapshot, key: SeriesKey) -> NativeHistogram | None:
    """A series of a snapshot as a native histogram; None where its family is none."""
    if not key.family.native:
        return None
    return of_values(key.family, snapshot.stored.get(key, NO_VALUES))


def of_values(family: StoredFamily, values: tuple[int, ...]) -> NativeHistogram:
    """The values of a series, as they are stored, or `NO_VALUES`, as a native histogram.

    A native bucket that a classic boundary splits is the sum of its parts.
    """
    total, *counts = values
    found: dict[int, int] = {}
    for index, count in zip(compress(_indexes(family), counts), filter(None, counts), strict=True):
        found[index] = found.get(index, 0) + count
    zero = found.pop(FIRST, 0)
    return NativeHistogram(sum(counts), total / NANOSECONDS, zero, list(found.items()))


@lru_cache(maxsize=64)
def _indexes(family: StoredFamily) -> tuple[int, ...]:
    """The native bucket of each stored one; infinity is the last."""
    indexes, bounds = (*INDEXES, BEYOND), (*family.stored_bounds, inf)
    return tuple(indexes[bisect_left(BOUNDARIES, bound)] for bound in bounds)
