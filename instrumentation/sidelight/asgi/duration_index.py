"""Where the native extension begins to look for the bucket of a duration.

Durations that agree in their six bits after the leading one share a cell; below 128 ns each has one
of its own. A cell has the index of the first boundary that its durations may not exceed. Boundaries
of a native histogram are so far from each other that a cell has one at most; those of objectives
may lie between.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence

BITS = 6


def cell_of(ns: int) -> int:
    """The cell of a duration."""
    shift = max(0, ns.bit_length() - BITS - 1)
    return (shift << BITS) + (ns >> shift)


def packed_cells(bounds: Sequence[int]) -> bytes:
    """The cells up to that of the last boundary, as 16-bit numbers."""
    return array("H", [bisect_left(bounds, first) for first in _firsts(bounds[-1])]).tobytes()


def _firsts(last: int) -> Iterator[int]:
    """The least duration of each cell, up to the cell of the last boundary."""
    for cell in range(cell_of(last) + 1):
        shift = max(0, (cell >> BITS) - 1)
        yield (cell - (shift << BITS)) << shift
