"""Samples as 64-bit words: a NaN that says something is told from others by its bits alone."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.source import ABSENT_BITS, STALE_BITS

Words = NDArray[np.int64]
Ids = NDArray[np.int32]

STALE: Final = np.int64(STALE_BITS)
ABSENT: Final = np.int64(ABSENT_BITS)


def words(values: NDArray[np.float64]) -> Words:
    """The bits of numbers."""
    return values.view(np.int64)


def numbers(bits: Words) -> NDArray[np.float64]:
    """The numbers that have these bits."""
    return bits.view(np.float64)


def starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each run begins, of runs that stand one after another."""
    return np.cumsum(lengths) - lengths
