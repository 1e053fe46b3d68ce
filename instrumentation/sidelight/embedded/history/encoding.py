"""The encoding of samples as 64-bit words, and of their changes in columns.

Staleness markers and absent samples are NaN that differ from other NaN only in their bits.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.storage import ABSENT_BITS, STALE_BITS

SampleBits = NDArray[np.int64]
SeriesIds = NDArray[np.int32]

STALE: Final = np.int64(STALE_BITS)
ABSENT: Final = np.int64(ABSENT_BITS)


def to_bits(values: NDArray[np.float64]) -> SampleBits:
    """Return the bits of numbers."""
    return values.view(np.int64)


def to_floats(bits: SampleBits) -> NDArray[np.float64]:
    """Return the numbers with these bits."""
    return bits.view(np.float64)


def run_starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of several consecutive runs begins."""
    return np.cumsum(lengths) - lengths


EXACT = 2.0**53
WIDTHS = (np.uint8, np.uint16, np.uint32)


class EncodedPart(NamedTuple):
    """Series whose changes have the same encoding: m series, c changes.

    ``rows``: their ids, ascending. ``ends``: where the changes of each series end. ``steps``: the
    step of each change, or None if each series changes in every step. ``low``: None if ``values``
    are words; otherwise the values are whole numbers above the series' ``low``.
    """

    rows: SeriesIds
    ends: NDArray[np.int32]
    steps: NDArray[np.uint8] | None
    low: NDArray[np.float64] | None
    values: NDArray[Any]

    @property
    def size(self) -> int:
        """The bytes of its columns."""
        return sum(column.nbytes for column in self if column is not None)


def encode_parts(
    ids: SeriesIds, steps: NDArray[np.uint8], values: SampleBits, count: int
) -> list[EncodedPart]:
    """Encode changes of ``count`` steps, which are sorted by id and then by step."""
    if not len(ids):
        return []
    first = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    lengths = np.diff(np.r_[first, len(ids)])
    width, low = _widths(values, first)
    kind = width * 2 + (lengths == count)
    return list(_parts(ids[first], lengths, kind, low, steps, values))


def _parts(  # noqa: PLR0913, PLR0917 the columns of one table
    rows: SeriesIds,
    lengths: NDArray[np.int64],
    kind: NDArray[np.int64],
    low: NDArray[np.float64],
    steps: NDArray[np.uint8],
    values: SampleBits,
) -> Iterator[EncodedPart]:
    of_change = np.repeat(kind, lengths)
    for one in np.unique(kind):
        series, changes = kind == one, of_change == one
        width, full = divmod(int(one), 2)
        found: NDArray[Any] = values[changes]
        if width < len(WIDTHS):
            above = to_floats(found) - np.repeat(low[series], lengths[series])
            found = above.astype(WIDTHS[width])
        yield EncodedPart(
            rows[series],
            np.cumsum(lengths[series]).astype(np.int32),
            None if full else steps[changes],
            low[series] if width < len(WIDTHS) else None,
            found,
        )


def _widths(
    values: SampleBits, first: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the narrowest of `WIDTHS` for each series (or one past them), and its lowest value."""
    real = to_floats(values)
    with np.errstate(invalid="ignore"):
        whole = (np.floor(real) == real) & (np.abs(real) < EXACT)
    whole &= values != to_bits(np.array([-0.0]))[0]
    safe = np.where(whole, real, 0.0)
    low = np.minimum.reduceat(safe, first)
    span = np.maximum.reduceat(safe, first) - low
    limits = [np.iinfo(width).max for width in WIDTHS]
    width = np.searchsorted(np.array(limits, np.float64), span)
    return np.where(np.logical_and.reduceat(whole, first), width, len(WIDTHS)), low


def positions(part: EncodedPart, ids: SeriesIds) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions, in ``ids`` and in the part, of the ids that the part has."""
    at = np.minimum(np.searchsorted(part.rows, ids), len(part.rows) - 1)
    matching = np.flatnonzero(part.rows[at] == ids)
    return matching, at[matching]


def last_values(part: EncodedPart, at: NDArray[np.int64]) -> SampleBits:
    """Return the last value of each of these series."""
    return _values(part, part.ends[at].astype(np.int64) - 1, at)


def all_steps(
    part: EncodedPart, at: NDArray[np.int64], before: SampleBits, count: int
) -> SampleBits:
    """Return ``count`` values of each of these series; ``before`` is the value before them."""
    ends = part.ends[at].astype(np.int64)
    lengths = ends - np.where(at > 0, part.ends[at - 1], 0)
    total = int(lengths.sum())
    changes = np.arange(total) + np.repeat(ends - lengths - run_starts(lengths), lengths)
    values = _values(part, changes, np.repeat(at, lengths))
    if part.steps is None:
        return values.reshape(len(at), count)
    heads = run_starts(lengths) + np.arange(len(at))
    rest = np.ones(total + len(at), np.bool_)
    rest[heads] = False
    runs = np.empty(total + len(at), np.int64)
    runs[heads], runs[rest] = before, values
    begins = np.zeros(total + len(at), np.int64)
    begins[rest] = part.steps[changes]
    following = np.r_[begins[1:], 0]
    following[heads + lengths] = count
    return np.repeat(runs, following - begins).reshape(len(at), count)


def _values(part: EncodedPart, changes: NDArray[np.int64], at: NDArray[np.int64]) -> SampleBits:
    if part.low is None:
        return part.values[changes]
    return to_bits(part.low[at] + part.values[changes])
