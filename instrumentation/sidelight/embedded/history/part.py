"""Changes of many series over the same few steps, packed."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.history.words import Ids, Words, numbers, starts, words

EXACT = 2.0**53
WIDTHS = (np.uint8, np.uint16, np.uint32)


class Part(NamedTuple):
    """Series whose changes are kept in the same form; m series, c changes.

    ``rows`` are their ids, ascending. ``ends`` says where each one's changes end. ``steps`` is
    the step of each change; None where each series changes in every step. ``low`` is None where
    ``values`` are words; otherwise they are whole numbers, above the series' ``low``.
    """

    rows: Ids
    ends: NDArray[np.int32]
    steps: NDArray[np.uint8] | None
    low: NDArray[np.float64] | None
    values: NDArray[Any]

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return sum(column.nbytes for column in self if column is not None)


def packed(ids: Ids, steps: NDArray[np.uint8], values: Words, count: int) -> list[Part]:
    """The parts of changes that are sorted by id, then by step; ``count`` steps in all."""
    if not len(ids):
        return []
    first = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    lengths = np.diff(np.r_[first, len(ids)])
    width, low = _widths(values, first)
    kind = width * 2 + (lengths == count)
    return list(_parts(ids[first], lengths, kind, low, steps, values))


def _parts(  # noqa: PLR0913, PLR0917 the columns of one table
    rows: Ids,
    lengths: NDArray[np.int64],
    kind: NDArray[np.int64],
    low: NDArray[np.float64],
    steps: NDArray[np.uint8],
    values: Words,
) -> Iterator[Part]:
    of_change = np.repeat(kind, lengths)
    for one in np.unique(kind):
        mine, its = kind == one, of_change == one
        width, full = divmod(int(one), 2)
        found: NDArray[Any] = values[its]
        if width < len(WIDTHS):
            above = numbers(found) - np.repeat(low[mine], lengths[mine])
            found = above.astype(WIDTHS[width])
        yield Part(
            rows[mine],
            np.cumsum(lengths[mine]).astype(np.int32),
            None if full else steps[its],
            low[mine] if width < len(WIDTHS) else None,
            found,
        )


def _widths(values: Words, first: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Of each series the narrowest of `WIDTHS` (or one past them), and its lowest value."""
    real = numbers(values)
    with np.errstate(invalid="ignore"):
        whole = (np.floor(real) == real) & (np.abs(real) < EXACT)
    whole &= values != words(np.array([-0.0]))[0]
    safe = np.where(whole, real, 0.0)
    low = np.minimum.reduceat(safe, first)
    span = np.maximum.reduceat(safe, first) - low
    limits = [np.iinfo(width).max for width in WIDTHS]
    width = np.searchsorted(np.array(limits, np.float64), span)
    return np.where(np.logical_and.reduceat(whole, first), width, len(WIDTHS)), low


def found(part: Part, ids: Ids) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of ``ids`` are in it, and where; places in ``ids`` and in the part."""
    at = np.minimum(np.searchsorted(part.rows, ids), len(part.rows) - 1)
    mine = np.flatnonzero(part.rows[at] == ids)
    return mine, at[mine]


def newest(part: Part, at: NDArray[np.int64]) -> Words:
    """The last value of each of these series."""
    return _values(part, part.ends[at].astype(np.int64) - 1, at)


def filled(part: Part, at: NDArray[np.int64], before: Words, count: int) -> Words:
    """Every step of these series, as many rows of ``count``; ``before`` is the value before."""
    ends = part.ends[at].astype(np.int64)
    lengths = ends - np.where(at > 0, part.ends[at - 1], 0)
    total = int(lengths.sum())
    places = np.arange(total) + np.repeat(ends - lengths - starts(lengths), lengths)
    values = _values(part, places, np.repeat(at, lengths))
    if part.steps is None:
        return values.reshape(len(at), count)
    heads = starts(lengths) + np.arange(len(at))
    rest = np.ones(total + len(at), np.bool_)
    rest[heads] = False
    runs = np.empty(total + len(at), np.int64)
    runs[heads], runs[rest] = before, values
    begins = np.zeros(total + len(at), np.int64)
    begins[rest] = part.steps[places]
    following = np.r_[begins[1:], 0]
    following[heads + lengths] = count
    return np.repeat(runs, following - begins).reshape(len(at), count)


def _values(part: Part, places: NDArray[np.int64], at: NDArray[np.int64]) -> Words:
    if part.low is None:
        return part.values[places]
    return words(part.low[at] + part.values[places])
