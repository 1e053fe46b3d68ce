"""A native histogram in few bytes: its layout is shared with others, its counts are narrow."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.history.encoding import EXACT, WIDTHS
from sidelight.embedded.promql.float_histogram import Buckets, FloatHistogram, ResetHint

_OVERHEAD: Final = 250
"""The bytes of a packed histogram besides its counts."""
_LAYOUT_OVERHEAD: Final = 600
"""The bytes of a layout besides its indexes and bounds."""


@dataclass(frozen=True, slots=True)
class HistogramLayout:
    """What successive histograms of a series have in common; indexes are int32 as bytes."""

    schema: int
    zero_threshold: float
    bounds: tuple[float, ...]
    hint: ResetHint
    positive: bytes
    negative: bytes

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        indexes = len(self.positive) + len(self.negative)
        return _LAYOUT_OVERHEAD + indexes + 32 * len(self.bounds)


class PackedHistogram(NamedTuple):
    """``counts``: of the whole histogram, of the zero bucket and of all others, as ``width``."""

    layout: HistogramLayout
    sum: float
    width: str
    counts: bytes

    @property
    def size(self) -> int:
        """The bytes that it takes without its layout."""
        return _OVERHEAD + len(self.counts)


def pack(histogram: FloatHistogram, before: PackedHistogram | None) -> PackedHistogram:
    """Pack a histogram; it shares the layout of the one before if that has the same."""
    layout = HistogramLayout(
        histogram.schema,
        histogram.zero_threshold,
        histogram.bounds,
        histogram.hint,
        histogram.positive.indexes.astype(np.int32).tobytes(),
        histogram.negative.indexes.astype(np.int32).tobytes(),
    )
    if before is not None and before.layout == layout:
        layout = before.layout
    sides = histogram.positive.counts, histogram.negative.counts
    counts = np.concatenate([(histogram.count, histogram.zero_count), *sides])
    narrow: NDArray[Any] = counts.astype(_width(counts))
    return PackedHistogram(layout, histogram.sum, narrow.dtype.str, narrow.tobytes())


def _width(counts: NDArray[np.float64]) -> type[Any]:
    """Return the narrowest type that has all counts exactly."""
    negative_zero = (counts == 0) & np.signbit(counts)
    with np.errstate(invalid="ignore"):
        whole = (np.floor(counts) == counts) & (np.abs(counts) < EXACT) & ~negative_zero
    if not whole.all() or counts.min() < 0:
        return np.float64
    fitting = (width for width in WIDTHS if counts.max() <= np.iinfo(width).max)
    return next(fitting, np.float64)


def unpack(packed: PackedHistogram) -> FloatHistogram:
    """Return the histogram."""
    layout = packed.layout
    counts = np.frombuffer(packed.counts, packed.width).astype(np.float64)
    positive, negative = (
        np.frombuffer(indexes, np.int32) for indexes in (layout.positive, layout.negative)
    )
    end = 2 + len(positive)
    return FloatHistogram(
        layout.schema,
        float(counts[0]),
        packed.sum,
        layout.zero_threshold,
        float(counts[1]),
        Buckets(positive, counts[2:end]),
        Buckets(negative, counts[end:]),
        layout.bounds,
        layout.hint,
    )
