"""A native histogram as the value of a sample. Prometheus calls it so where counts are floats.

https://prometheus.io/docs/specs/native_histograms/
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

CUSTOM_BOUNDS: Final = -53
"""The schema of histograms whose boundaries are listed, as those of classic histograms."""

ResetHint = Literal["unknown", "reset", "not_reset", "gauge"]
"""What is known about a counter's reset before this sample; a gauge has no resets."""


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """The counts of some buckets, by ascending index. Buckets that are not listed are empty."""

    indexes: NDArray[np.int32]
    counts: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.indexes)

    def has_indexes_of(self, other: "Buckets") -> bool:
        """Return whether both list the same buckets."""
        mine, others = self.indexes, other.indexes
        return mine is others or (len(mine) == len(others) and bool((mine == others).all()))

    def same(self, other: "Buckets") -> bool:
        """Return whether both list the same buckets, with counts of the same bits."""
        bits, others = self.counts.view(np.int64), other.counts.view(np.int64)
        return self.has_indexes_of(other) and bool((bits == others).all())


def listed_buckets(pairs: Iterable[tuple[int, float]]) -> Buckets:
    """Return the buckets of pairs of an index and a count, sorted by index."""
    found = list(pairs)
    indexes = np.array([index for index, _ in found], np.int32)
    return Buckets(indexes, np.array([count for _, count in found], np.float64))


def spanned_buckets(spans: Iterable[tuple[int, int]], counts: Sequence[float]) -> Buckets:
    """Return buckets from spans, each the gap before it and its length, as protobuf has them."""
    indexes: list[int] = []
    at = 0
    for gap, length in spans:
        at += gap
        indexes.extend(range(at, at + length))
        at += length
    return Buckets(np.array(indexes, np.int32), np.array(counts, np.float64))


NO_BUCKETS: Final = listed_buckets(())


@dataclass(frozen=True, slots=True, eq=False)
class FloatHistogram:
    """Observations by bucket. Its arrays are never written.

    ``schema``: -4 to 8, or `CUSTOM_BOUNDS`. Bucket i of ``positive`` ends with 2^(i / 2^schema) and
    begins with the end of bucket i - 1; ``negative`` buckets mirror them. The zero bucket is from
    -``zero_threshold`` to ``zero_threshold``. With `CUSTOM_BOUNDS` the positive bucket i ends with
    ``bounds[i]``, the last one with +Inf, and there are no others.
    """

    schema: int
    count: float
    sum: float
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: Buckets = NO_BUCKETS
    negative: Buckets = NO_BUCKETS
    bounds: tuple[float, ...] = ()
    hint: ResetHint = "unknown"

    @property
    def is_custom(self) -> bool:
        """Whether its boundaries are listed."""
        return self.schema == CUSTOM_BOUNDS

    @property
    def size(self) -> int:
        """The number of samples that it takes the memory of."""
        return 4 + len(self.positive) + len(self.negative)

    def same(self, other: "FloatHistogram") -> bool:
        """Return whether all is the same, NaN included, but for the hint."""
        numbers = (self.numbers == other.numbers).all()
        sides = self.positive.same(other.positive) and self.negative.same(other.negative)
        return bool(numbers) and self.bounds == other.bounds and sides

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Its schema, and the bits of its numbers besides the buckets."""
        found = self.schema, self.count, self.sum, self.zero_threshold, self.zero_count
        return np.array(found, np.float64).view(np.int64)
