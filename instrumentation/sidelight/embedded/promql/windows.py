"""The samples in the window before each step."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.frame import Bools, Floats, Ints
from sidelight.embedded.promql.limits import Budget
from sidelight.embedded.promql.series import Series
from sidelight.embedded.promql.source import ABSENT_BITS, STALE_BITS

Index = NDArray[np.intp]

AT_ONCE: Final = 1 << 18
"""Cells of a table worked on at once: about what a processor's cache holds."""


@dataclass(frozen=True)
class Samples:
    """n series with t times in common: ``values`` n x t; ``valid`` n x t, or None if all are."""

    series: Series
    times: Ints
    values: Floats
    valid: Bools | None

    def rows(self, rows: slice) -> "Samples":
        """Some of the series."""
        if len(self.series) <= (rows.stop - rows.start):
            return self
        valid = None if self.valid is None else self.valid[rows]
        series = Series(self.series.labels[rows])
        return Samples(series, self.times, self.values[rows], valid)


def readable(series: Series, times: Ints, values: Floats) -> Samples:
    """A block's samples; what marks an end, or no sample, is none."""
    if not np.isnan(values).any():
        return Samples(series, times, values, None)
    bits = values.view(np.int64)
    valid = (bits != STALE_BITS) & (bits != ABSENT_BITS)
    return Samples(series, times, values, None if valid.all() else valid)


class Windows:
    """For each of s steps the samples later than ``starts`` and not later than ``ends``.

    An index of samples is n x s, or 1 x s if it is the same for all series.
    """

    def __init__(self, samples: Samples, starts: Ints, ends: Ints, budget: Budget) -> None:
        budget.room(len(samples.series) * len(ends))
        self.samples = samples
        self.budget = budget
        self.series = samples.series
        self.times = samples.times
        self.values = samples.values
        self.valid = samples.valid
        self.starts = starts
        self.ends = ends
        self.low: Index = np.searchsorted(samples.times, starts, side="right")
        self.high: Index = np.searchsorted(samples.times, ends, side="right")

    def few(self) -> Iterator[tuple[slice, "Windows"]]:
        """Some rows at a time: little memory is taken for what is in between, and time is kept."""
        size = max(1, AT_ONCE // max(1, len(self.ends), len(self.times)))
        for first in range(0, len(self.series), size):
            self.budget.check()
            rows = slice(first, first + size)
            yield rows, Windows(self.samples.rows(rows), self.starts, self.ends, self.budget)

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Numbers n and s."""
        return len(self.series), len(self.ends)

    @cached_property
    def count(self) -> Index:
        """How many samples are in each window."""
        if self.valid is None:
            return (self.high - self.low)[None, :]
        sums = running(self.valid)
        return sums[:, self.high] - sums[:, self.low]

    @cached_property
    def before(self) -> Index:
        """Of n x t, the newest valid sample up to each one, or -1."""
        places = np.arange(len(self.times), dtype=np.intp)
        if self.valid is None:
            return places[None, :]
        return np.maximum.accumulate(np.where(self.valid, places, -1), axis=1)

    @cached_property
    def last(self) -> Index:
        """The newest sample in each window; anything where there is none."""
        return np.maximum(self.before[:, np.maximum(self.high - 1, 0)], 0)

    @cached_property
    def first(self) -> Index:
        """The oldest sample in each window; anything where there is none."""
        if self.valid is None:
            return np.minimum(self.low, max(len(self.times) - 1, 0))[None, :]
        size = len(self.times)
        places = np.where(self.valid, np.arange(size, dtype=np.intp), size)
        after = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
        return np.minimum(after[:, np.minimum(self.low, size - 1)], size - 1)

    def previous(self, index: Index) -> Index:
        """The valid sample before each of these; anything where there is none."""
        earlier = np.maximum(index - 1, 0)
        if self.valid is None:
            return earlier
        return np.maximum(np.take_along_axis(self.before, earlier, axis=1), 0)

    def pick(self, index: Index, of: NDArray[Any] | None = None) -> NDArray[Any]:
        """The values (or others, n x t) at an index, n x s."""
        values = self.values if of is None else of
        if len(index) == 1:
            return values[:, index[0]]
        return np.take_along_axis(values, index, axis=1)

    def present(self, least: int = 1) -> Bools:
        """Which windows (n x s) have at least so many samples."""
        return np.broadcast_to(self.count >= least, self.shape)

    def neighbours(self) -> tuple[Floats, Bools | None]:
        """The valid sample before each but the first, n x (t-1); and where both are valid."""
        if self.valid is None:
            return self.values[:, :-1], None
        earlier = self.before[:, :-1]
        values = np.take_along_axis(self.values, np.maximum(earlier, 0), axis=1)
        return values, self.valid[:, 1:] & (earlier >= 0)

    def between(self, marked: Bools) -> Index:
        """How many of the marked steps from sample to sample (n x (t-1)) are inside each window."""
        sums = running(marked)
        inside: Index = self.pick(self.last, sums) - self.pick(self.first, sums)
        return inside

    def each(self) -> Iterator[tuple[int, Floats, Bools]]:
        """Step by step, for what can't be done for all at once: values and which are valid, n x w.

        Steps whose window has no times are left out.
        """
        for step, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            self.budget.check()
            if low < high:
                values = self.values[:, low:high]
                yield step, values, self._valid(low, high)

    def _valid(self, low: int, high: int) -> Bools:
        if self.valid is None:
            return np.ones((len(self.series), high - low), bool)
        return self.valid[:, low:high]


def running(which: Bools) -> Index:
    """How many are chosen before each place and, last, in all: n x (t+1)."""
    sums = np.zeros((which.shape[0], which.shape[1] + 1), np.intp)
    np.cumsum(which, axis=1, out=sums[:, 1:])
    return sums
