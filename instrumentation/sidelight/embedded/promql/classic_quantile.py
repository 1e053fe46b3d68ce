"""histogram_quantile over classic buckets.

https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
"""

import math
import sys
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from sidelight.embedded.promql.classic_annotations import ClassicHistogramAnnotations
from sidelight.embedded.promql.classic_buckets import (
    BOUND,
    BucketLayout,
    bucket_counts,
    bucket_layout,
)
from sidelight.embedded.promql.frame import Bools, Floats, Frame, empty_frame
from sidelight.embedded.promql.limits import QueryUsage

_TINY: Final = 1e-12
"""A relative difference of counts that comes only from floating-point arithmetic."""
_SMALLEST: Final = sys.float_info.min
Bucket = tuple[float, float]
"""The upper bound of a bucket, and its cumulative count."""


def histogram_quantiles(
    q: Floats, frame: Frame, usage: QueryUsage, annotations: ClassicHistogramAnnotations
) -> Frame:
    """Return a quantile of each histogram at each step, present where it has any bucket."""
    layout = bucket_layout(frame.series)
    annotations.bad_bounds(frame, layout.without_bound, BOUND)
    shape = len(layout.series), frame.values.shape[1]
    usage.check_samples(shape[0] * shape[1])
    if not shape[0]:
        return empty_frame(shape[1])
    search = _BucketSearch(q, shape)
    for bound, (histograms, rows) in zip(layout.bounds, layout.rows, strict=True):
        usage.check_time()
        search.size(bound, *bucket_counts(frame, histograms, rows, shape))
    search.begin()
    for bound, (histograms, rows) in zip(layout.bounds, layout.rows, strict=True):
        usage.check_time()
        search.bucket(bound, *bucket_counts(frame, histograms, rows, shape))
    annotations.forced(layout.histograms, search.seen, search.forced & search.known)
    values = search.values()
    _search_nan_counts(q, frame, layout, search, values)
    return Frame(layout.series, values, search.seen).merged_per_step()


def _search_nan_counts(
    q: Floats, frame: Frame, layout: BucketLayout, search: "_BucketSearch", values: Floats
) -> None:
    """Where a bucket's count is NaN, the result depends on the steps of Prometheus's search."""
    for number, step in zip(*(axis.tolist() for axis in np.nonzero(search.has_nan)), strict=True):
        if 0 <= q[step] <= 1:
            buckets = list(_buckets(frame, layout, number, step))
            values[number, step] = quantile_by_bisection(float(q[step]), buckets)


def _buckets(frame: Frame, layout: BucketLayout, number: int, step: int) -> Iterator[Bucket]:
    """Yield the buckets of one histogram that are present at one step."""
    for bound, (histograms, rows) in zip(layout.bounds, layout.rows, strict=True):
        mine = rows[histograms == number]
        present = mine[frame.present[mine, step]]
        if len(present):
            yield bound, float(frame.values[present, step].sum())


class _BucketSearch:
    """Two passes over the buckets from the lowest, for all histograms and steps at once.

    A count that is lower than that of the bucket before is raised to it, as in Prometheus.
    """

    def __init__(self, q: Floats, shape: tuple[int, int]) -> None:
        self.q = q
        self.seen = np.zeros(shape, bool)
        self.buckets = np.zeros(shape, np.int32)
        self.highest = np.zeros(shape)  # the count of the highest bucket so far
        self.has_inf = np.zeros(shape, bool)
        self.has_nan = np.zeros(shape, bool)
        self.forced = np.zeros(shape, bool)

    def size(self, bound: float, counts: Floats, present: Bools) -> None:
        """First pass: count the buckets and all observations."""
        lifted = self._lifted(counts, present)
        fell = present & (counts < lifted)
        if fell.any():  # seldom
            self.forced |= fell & ~_nearly_equal(lifted, counts)
        self.highest = np.where(present, lifted, self.highest)
        self.seen |= present
        self.has_nan |= present & np.isnan(counts)
        self.buckets += present
        if bound == np.inf:
            self.has_inf = present

    def _lifted(self, counts: Floats, present: Bools) -> Floats:
        before = self.highest
        falls = self.seen & present & ((counts < before) | _nearly_equal(before, counts))
        return np.where(falls, before, counts)

    def begin(self) -> None:
        """Between the passes: compute the rank of the observation that is searched for."""
        self.total = self.highest
        self.rank = self.q * self.total
        self.highest = np.zeros_like(self.total)
        self.seen[:] = False
        self.bound = np.zeros_like(self.total)  # of the bucket before
        self.found = np.zeros_like(self.seen)
        self.result = np.full_like(self.total, np.nan)

    def bucket(self, bound: float, counts: Floats, present: Bools) -> None:
        """Second pass: interpolate the observation if it is in this bucket."""
        lifted = self._lifted(counts, present)
        if bound == np.inf:
            self._beyond(present)
        else:
            self._within(bound, lifted, present)
        self.highest = np.where(present, lifted, self.highest)
        self.bound = np.where(present, bound, self.bound)
        self.seen |= present

    def _within(self, bound: float, counts: Floats, present: Bools) -> None:
        here = present & ~self.found & (counts >= self.rank)
        start = np.where(self.seen, self.bound, 0.0)
        under = np.where(self.seen, self.highest, 0.0)
        value = start + (bound - start) * ((self.rank - under) / (counts - under))
        value = np.where(~self.seen & (bound <= 0), bound, value)
        self.result = np.where(here, value, self.result)
        self.found |= here

    def _beyond(self, present: Bools) -> None:
        """An observation in the last bucket gets the bound before it."""
        self.result = np.where(present & ~self.found, self.bound, self.result)

    def values(self) -> Floats:
        """Return the quantiles, n x s; NaN where the buckets do not determine one."""
        made = np.where(self.known, self.result, np.nan)
        made = np.where(self.q < 0, -np.inf, np.where(self.q > 1, np.inf, made))
        return np.where(np.isnan(self.q), np.nan, made)

    @property
    def known(self) -> Bools:
        """Where the buckets determine a quantile, n x s."""
        complete: Bools = self.has_inf & (self.buckets > 1) & (self.total != 0)
        return np.logical_and(complete, (self.q >= 0) & (self.q <= 1))


def _nearly_equal(a: Floats | float, b: Floats | float) -> Bools:
    """Return whether counts differ only by floating-point errors, as Prometheus judges it."""
    whole, difference = np.abs(a) + np.abs(b), np.abs(a - b)
    tiny = (a == 0) | (b == 0) | (whole < _SMALLEST)
    return np.where(tiny, difference < _TINY * _SMALLEST, difference / whole < _TINY)


def quantile_by_bisection(q: float, buckets: Sequence[Bucket]) -> float:
    """Return the quantile of buckets, sorted by bound, of which some have NaN for a count."""
    if len(buckets) < 2 or buckets[-1][0] != math.inf:  # noqa: PLR2004 # the last one and another
        return math.nan
    counts = _lifted([count for _, count in buckets])
    if counts[-1] == 0:
        return math.nan
    rank = q * counts[-1]
    position = _first_at_least(counts[:-1], rank)
    bound = buckets[position][0]
    if position == len(buckets) - 1:
        return buckets[position - 1][0]
    if position == 0 and bound <= 0:
        return bound
    begin, under = (buckets[position - 1][0], counts[position - 1]) if position else (0.0, 0.0)
    here = counts[position] - under
    return begin + (bound - begin) * ((rank - under) / here) if here else math.nan


def _lifted(counts: list[float]) -> list[float]:
    made = counts[:1]
    highest = counts[0]
    for count in counts[1:]:
        if not (count < highest or _nearly_equal(count, highest)):
            highest = count
        made.append(highest)
    return made


def _first_at_least(counts: list[float], rank: float) -> int:
    low, high = 0, len(counts)
    while low < high:
        middle = (low + high) // 2
        if counts[middle] >= rank:
            high = middle
        else:
            low = middle + 1
    return low
