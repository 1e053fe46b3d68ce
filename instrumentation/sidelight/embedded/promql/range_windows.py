"""The window before each step of a query: which samples lie in it, and what they add up to."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.compensated import compensated_means, compensated_sums
from sidelight.embedded.promql.frame import (
    Bools,
    Floats,
    Histograms,
    Index,
    Ints,
    LabelSets,
    has_histogram,
)
from sidelight.embedded.promql.limits import BATCH_CELLS, QueryUsage
from sidelight.embedded.promql.storage import ABSENT_BITS, STALE_BITS, SampleBlock

WindowValues = tuple[Floats, Bools]
"""The value of a function for each window (n x s), and where it is present."""

_BATCH_ADDITIONS: Final = 20_000_000
"""Additions between two checks of the time: some 20 ms."""


@dataclass(frozen=True)
class RangeSamples:
    """n series with t common times: ``values`` n x t; ``valid`` n x t, or None if all are valid.

    ``histograms``: n x t, or None if there are none.
    """

    series: LabelSets
    times: Ints
    values: Floats
    valid: Bools | None
    histograms: Histograms | None = None

    def rows(self, rows: slice) -> "RangeSamples":
        """Return some of the series."""
        if len(self.series) <= (rows.stop - rows.start):
            return self
        valid = None if self.valid is None else self.valid[rows]
        table = None if self.histograms is None else self.histograms[rows]
        series = LabelSets(self.series.labels[rows])
        return RangeSamples(series, self.times, self.values[rows], valid, table)


def range_samples(series: LabelSets, block: SampleBlock) -> RangeSamples:
    """Return the samples of a block; staleness markers and absent samples are not valid."""
    times, values = block.times, block.values
    if not np.isnan(values).any():
        return RangeSamples(series, times, values, None)
    bits = values.view(np.int64)
    valid = (bits != STALE_BITS) & (bits != ABSENT_BITS)
    return RangeSamples(series, times, values, None if valid.all() else valid, block.histograms)


class Windows:
    """For each of s steps, the samples of ``starts`` < time <= ``ends``.

    An index of samples is n x s, or 1 x s if it is the same for all series. ``values`` and
    ``valid`` are those of numbers only.
    """

    def __init__(self, samples: RangeSamples, starts: Ints, ends: Ints, usage: QueryUsage) -> None:
        usage.check_samples(len(samples.series) * len(ends))
        self.samples = samples
        self.usage = usage
        self.series = samples.series
        self.times = samples.times
        self.values = samples.values
        self.valid = samples.valid
        self.histograms = samples.histograms
        self.starts = starts
        self.ends = ends
        self.low: Index = np.searchsorted(samples.times, starts, side="right")
        self.high: Index = np.searchsorted(samples.times, ends, side="right")

    def batches(self) -> Iterator[tuple[slice, "Windows"]]:
        """Yield some rows at a time, to bound the memory of temporary tables."""
        size = max(1, BATCH_CELLS // max(1, len(self.ends), len(self.times)))
        for first in range(0, len(self.series), size):
            self.usage.check_time()
            rows = slice(first, first + size)
            yield rows, Windows(self.samples.rows(rows), self.starts, self.ends, self.usage)

    @cached_property
    def of_histograms(self) -> "Windows":
        """The same windows, in which the native histograms are the valid samples."""
        return self._with_valid(has_histogram(self.histograms, self.values.shape))

    @cached_property
    def of_all(self) -> "Windows":
        """The same windows, in which numbers and native histograms are valid samples."""
        if self.histograms is None:
            return self
        numbers = True if self.valid is None else self.valid
        return self._with_valid(numbers | has_histogram(self.histograms, self.values.shape))

    def _with_valid(self, valid: Bools) -> "Windows":
        samples = RangeSamples(self.series, self.times, self.values, valid)
        return Windows(samples, self.starts, self.ends, self.usage)

    @cached_property
    def shape(self) -> tuple[int, int]:
        """The numbers n and s."""
        return len(self.series), len(self.ends)

    @cached_property
    def count(self) -> Index:
        """The number of samples in each window."""
        if self.valid is None:
            return (self.high - self.low)[None, :]
        sums = cumulative_count(self.valid)
        return sums[:, self.high] - sums[:, self.low]

    @cached_property
    def before(self) -> Index:
        """The newest valid sample up to each time, n x t; -1 if there is none."""
        places = np.arange(len(self.times), dtype=np.intp)
        if self.valid is None:
            return places[None, :]
        return np.maximum.accumulate(np.where(self.valid, places, -1), axis=1)

    @cached_property
    def last(self) -> Index:
        """The newest sample in each window; undefined where there is none."""
        return np.maximum(self.before[:, np.maximum(self.high - 1, 0)], 0)

    @cached_property
    def first(self) -> Index:
        """The oldest sample in each window; undefined where there is none."""
        if self.valid is None:
            return np.minimum(self.low, max(len(self.times) - 1, 0))[None, :]
        size = len(self.times)
        places = np.where(self.valid, np.arange(size, dtype=np.intp), size)
        after = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
        return np.minimum(after[:, np.minimum(self.low, size - 1)], size - 1)

    def previous(self, index: Index) -> Index:
        """Return the valid sample before each of these; undefined where there is none."""
        earlier = np.maximum(index - 1, 0)
        if self.valid is None:
            return earlier
        return np.maximum(np.take_along_axis(self.before, earlier, axis=1), 0)

    def take(self, index: Index, of: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the values (or ``of``, n x t) at an index, n x s."""
        values = self.values if of is None else of
        if len(index) == 1:
            return values[:, index[0]]
        return np.take_along_axis(values, index, axis=1)

    def present(self, least: int = 1) -> Bools:
        """Return which windows (n x s) have at least this many samples."""
        return np.broadcast_to(self.count >= least, self.shape)

    def previous_values(self) -> tuple[Floats, Bools | None]:
        """Return the valid sample before each but the first (n x (t-1)), and where both exist."""
        if self.valid is None:
            return self.values[:, :-1], None
        earlier = self.before[:, :-1]
        values = np.take_along_axis(self.values, np.maximum(earlier, 0), axis=1)
        return values, self.valid[:, 1:] & (earlier >= 0)

    def count_marked(self, marked: Bools) -> Index:
        """Return how many of the marked pairs of samples (n x (t-1)) lie inside each window."""
        sums = cumulative_count(marked)
        inside: Index = self.take(self.last, sums) - self.take(self.first, sums)
        return inside

    def cells(self) -> Iterator["WindowCells"]:
        """Yield the samples of all windows that are not empty, those of some steps at a time."""
        widths = self.high - self.low
        size = max(1, BATCH_CELLS // max(1, len(self.series) * int(widths.max(initial=0))))
        for first in range(0, len(widths), size):
            self.usage.check_time()
            steps = slice(first, first + size)
            offsets = np.arange(widths[steps].max())
            if len(offsets):
                inside = offsets < widths[steps][:, None]
                index = np.where(inside, self.low[steps][:, None] + offsets, 0)
                yield WindowCells(
                    steps, self.times[index], self.values[:, index], self._valid(index, inside)
                )

    def _valid(self, index: Index, inside: Bools) -> Bools:
        if self.valid is None:
            return np.broadcast_to(inside, (len(self.series), *inside.shape))
        return self.valid[:, index] & inside


@dataclass(frozen=True)
class WindowCells:
    """Samples of windows at k steps: ``times`` k x w, ``values`` n x k x w, and which are valid."""

    steps: slice
    times: Ints
    values: Floats
    valid: Bools

    def filled(self) -> Floats:
        """Return the values, 0 where none is valid."""
        return np.where(self.valid, self.values, 0.0)


def cumulative_count(which: Bools) -> Index:
    """Return how many are true before each column, and in all: n x (t+1)."""
    sums = np.zeros((which.shape[0], which.shape[1] + 1), np.intp)
    np.cumsum(which, axis=1, out=sums[:, 1:])
    return sums


def sum_over_windows(windows: Windows) -> Floats:
    """Return the sum of each window, n x s; undefined for empty windows."""
    made = np.full(windows.shape, np.nan)
    for cells in windows.cells():
        made[:, cells.steps] = compensated_sums(cells.filled(), axis=2)
    return made


def mean_over_windows(windows: Windows) -> Floats:
    """Return the mean of each window, n x s; undefined for empty windows."""
    made = np.full(windows.shape, np.nan)
    for cells in windows.cells():
        count = cells.valid.sum(axis=2)
        made[:, cells.steps] = compensated_means(
            cells.filled(), cells.valid, count, axis=2, usage=windows.usage
        )
    return made


def reduce_windows(windows: Windows, what: np.ufunc, values: Floats, nothing: float) -> Floats:
    """Apply ``what`` (fmax, fmin) to each window, n x s; undefined for empty windows."""
    n = len(values)
    padded = np.concatenate([values, np.full((n, 1), nothing)], axis=1)
    bounds = np.stack([windows.low, windows.high], axis=1).ravel()
    work = int((windows.high - windows.low).sum()) + len(bounds)
    size = max(1, _BATCH_ADDITIONS // max(work, 1))
    parts = []
    for row in range(0, n, size):
        windows.usage.check_time()
        parts.append(what.reduceat(padded[row : row + size], bounds, axis=1)[:, ::2])
    return np.concatenate(parts) if parts else np.empty(windows.shape)
