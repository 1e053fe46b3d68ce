"""histogram_quantile over classic buckets.

https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from sidelight.embedded.promql.bisection import Bucket, bisected
from sidelight.embedded.promql.frame import Bools, Floats, Frame, nothing
from sidelight.embedded.promql.limits import Budget
from sidelight.embedded.promql.numbers import SMALLEST, TINY, read
from sidelight.embedded.promql.series import NAME, Series
from sidelight.embedded.promql.windows import Index

BOUND: Final = "le"


@dataclass(frozen=True)
class _Layout:
    """Rows of buckets: ``bounds`` ascending, and for each bound its rows and their histograms.

    ``place``: for each bound, pairs of histogram and row.
    """

    series: Series
    bounds: list[float]
    place: list[tuple[Index, Index]]


def quantiles(share: Floats, frame: Frame, budget: Budget) -> Frame:
    """The quantile of each histogram at each step, present where it has any bucket."""
    layout = frame.series.derived("histograms", lambda: _layout(frame.series))
    shape = len(layout.series), frame.values.shape[1]
    budget.room(shape[0] * shape[1])
    if not shape[0]:
        return nothing(shape[1])
    search = _Search(share, shape)
    for bound, (histograms, rows) in zip(layout.bounds, layout.place, strict=True):
        budget.check()
        search.size(bound, *_bucket(frame, histograms, rows, shape))
    search.begin()
    for bound, (histograms, rows) in zip(layout.bounds, layout.place, strict=True):
        budget.check()
        search.bucket(bound, *_bucket(frame, histograms, rows, shape))
    values = search.values()
    _unknown(share, frame, layout, search, values)
    return Frame(layout.series, values, search.any).unique()


def _unknown(
    share: Floats, frame: Frame, layout: _Layout, search: "_Search", values: Floats
) -> None:
    """Where a bucket's count is NaN, how the search goes is what Prometheus answers."""
    for number, step in zip(*(axis.tolist() for axis in np.nonzero(search.unknown)), strict=True):
        if 0 <= share[step] <= 1:
            buckets = list(_buckets(frame, layout, number, step))
            values[number, step] = bisected(float(share[step]), buckets)


def _buckets(frame: Frame, layout: _Layout, number: int, step: int) -> Iterator[Bucket]:
    """Those of one histogram that are present at one step."""
    for bound, (histograms, rows) in zip(layout.bounds, layout.place, strict=True):
        mine = rows[histograms == number]
        there = mine[frame.present[mine, step]]
        if len(there):
            yield bound, float(frame.values[there, step].sum())


def _bucket(
    frame: Frame, histograms: Index, rows: Index, shape: tuple[int, int]
) -> tuple[Floats, Bools]:
    """Count and presence of one bound's bucket in each histogram; the same bound twice is added."""
    if len(histograms) == shape[0] and (histograms == np.arange(shape[0])).all():
        return frame.values[rows], frame.present[rows]
    counts, there = np.zeros(shape), np.zeros(shape, bool)
    np.add.at(counts, histograms, np.where(frame.present[rows], frame.values[rows], 0.0))
    np.logical_or.at(there, histograms, frame.present[rows])
    return counts, there


class _Search:
    """One pass over the buckets from the lowest, for all histograms and steps at once.

    Counts that fall from a bucket to the next are lifted, as Prometheus lifts them.
    """

    def __init__(self, share: Floats, shape: tuple[int, int]) -> None:
        self.share = share
        self.any = np.zeros(shape, bool)
        self.buckets = np.zeros(shape, np.int32)
        self.highest = np.zeros(shape)  # the lifted count of the highest bucket so far
        self.endless = np.zeros(shape, bool)
        self.unknown = np.zeros(shape, bool)

    def size(self, bound: float, counts: Floats, there: Bools) -> None:
        """First pass: how many buckets, and how many observations in all."""
        self.highest = np.where(there, self._lifted(counts, there), self.highest)
        self.any |= there
        self.unknown |= there & np.isnan(counts)
        self.buckets += there
        if bound == np.inf:
            self.endless = there

    def _lifted(self, counts: Floats, there: Bools) -> Floats:
        before = self.highest
        falls = self.any & there & ((counts < before) | _nearly(before, counts))
        return np.where(falls, before, counts)

    def begin(self) -> None:
        """Between the passes: which observation is looked for."""
        self.total = self.highest
        self.rank = self.share * self.total
        self.highest = np.zeros_like(self.total)
        self.any[:] = False
        self.bound = np.zeros_like(self.total)  # of the bucket before
        self.found = np.zeros_like(self.any)
        self.result = np.full_like(self.total, np.nan)

    def bucket(self, bound: float, counts: Floats, there: Bools) -> None:
        """Second pass: where the observation is, if it is in this bucket."""
        lifted = self._lifted(counts, there)
        if bound == np.inf:
            self._beyond(there)
        else:
            self._within(bound, lifted, there)
        self.highest = np.where(there, lifted, self.highest)
        self.bound = np.where(there, bound, self.bound)
        self.any |= there

    def _within(self, bound: float, counts: Floats, there: Bools) -> None:
        here = there & ~self.found & (counts >= self.rank)
        start = np.where(self.any, self.bound, 0.0)
        under = np.where(self.any, self.highest, 0.0)
        value = start + (bound - start) * ((self.rank - under) / (counts - under))
        value = np.where(~self.any & (bound <= 0), bound, value)
        self.result = np.where(here, value, self.result)
        self.found |= here

    def _beyond(self, there: Bools) -> None:
        """In the last bucket: all that is known is that it is over the bound before."""
        self.result = np.where(there & ~self.found, self.bound, self.result)

    def values(self) -> Floats:
        """Of n x s; NaN where the buckets don't say."""
        known = self.endless & (self.buckets > 1) & (self.total != 0)
        made = np.where(known, self.result, np.nan)
        made = np.where(self.share < 0, -np.inf, np.where(self.share > 1, np.inf, made))
        return np.where(np.isnan(self.share), np.nan, made)


def _nearly(a: Floats, b: Floats) -> Bools:
    whole, apart = np.abs(a) + np.abs(b), np.abs(a - b)
    tiny = (a == 0) | (b == 0) | (whole < SMALLEST)
    return np.where(tiny, apart < TINY * SMALLEST, apart / whole < TINY)


def _layout(series: Series) -> _Layout:
    """Histograms are told apart by their names too, which the result then lacks."""
    bounds = [read(labels.get(BOUND, "")) for labels in series.labels]
    rows = [row for row, bound in enumerate(bounds) if bound is not None]
    found: dict[tuple[tuple[str, str], ...], int] = {}
    by_bound: dict[float, list[tuple[int, int]]] = {}
    for row in rows:
        key = tuple((k, v) for k, v in series.labels[row].items() if k != BOUND)
        number = found.setdefault(key, len(found))
        by_bound.setdefault(bounds[row] or 0.0, []).append((number, row))
    order = sorted(by_bound)
    place = [np.array(sorted(by_bound[bound]), np.intp).T for bound in order]
    sets = [{k: v for k, v in key if k != NAME} for key in found]
    return _Layout(Series(sets), order, [(one[0], one[1]) for one in place])
