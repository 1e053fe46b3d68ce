"""The boundaries of native histograms of schema 3: eight from each power of two to the next.

Bucket ``i`` has what is more than 2^((i - 1) / 8) seconds and at most 2^(i / 8)
(https://prometheus.io/docs/specs/native_histograms/). A boundary in whole nanoseconds is the
largest number of them that is not above it, so that no duration is in a wrong bucket.
"""

from math import isqrt
from typing import Final

from sidelight.contract.metric import NANOSECONDS

SCHEMA: Final = 3
STEPS: Final = 1 << SCHEMA
"""Boundaries from a power of two to the next."""
FIRST: Final = -13 * STEPS
"""The index whose boundary is that of the zero bucket: 2^-13 s, which is 122 µs."""
ZERO_THRESHOLD: Final = 2.0**-13
"""Seconds: the zero bucket has what is at most so long."""
FINEST: Final = 7 * STEPS
"""The index up to which durations count on every boundary: 2^7 s, which is two minutes."""
LONGEST: Final = 15 * STEPS
"""The last index: 2^15 s, which is nine hours. Up to it, each power of two is a boundary."""
INDEXES: Final = (*range(FIRST, FINEST + 1), *range(FINEST + STEPS, LONGEST + 1, STEPS))
BEYOND: Final = LONGEST + 1
"""The index of the bucket of everything longer."""


def nanoseconds(index: int) -> int:
    """The upper boundary of a bucket: 2^(index / 8) seconds, rounded down to nanoseconds."""
    eighth_power = NANOSECONDS**STEPS
    eighth_power = eighth_power << index if index >= 0 else eighth_power >> -index
    return isqrt(isqrt(isqrt(eighth_power)))


BOUNDARIES: Final = tuple(nanoseconds(index) / NANOSECONDS for index in INDEXES)
"""Seconds, each a whole number of nanoseconds."""
