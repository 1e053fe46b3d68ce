"""histogram_fraction over classic buckets.

https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_fraction
"""

import numpy as np

from sidelight.embedded.promql.classic_annotations import ClassicHistogramAnnotations
from sidelight.embedded.promql.classic_buckets import (
    BOUND,
    BucketLayout,
    bucket_counts,
    bucket_layout,
)
from sidelight.embedded.promql.frame import Floats, Frame, empty_frame
from sidelight.embedded.promql.limits import QueryUsage


def histogram_fractions(
    lower: Floats,
    upper: Floats,
    frame: Frame,
    usage: QueryUsage,
    annotations: ClassicHistogramAnnotations,
) -> Frame:
    """Return the fraction of each histogram's observations between two values at each step."""
    layout = bucket_layout(frame.series)
    annotations.bad_bounds(frame, layout.without_bound, BOUND)
    if not len(layout.series):
        return empty_frame(frame.values.shape[1])
    ranks, search = [], None
    for value in (lower, upper):
        search = _RankSearch(value, layout, frame, usage)
        ranks.append(np.where(search.found, search.ranks, search.counts))
    assert search is not None  # noqa: S101 for mypy: there are two values
    total = search.counts
    low, high = (np.where(one > total, total, one) for one in ranks)
    fractions = np.where(lower >= upper, 0.0, (high - low) / total)
    unknown = np.isnan(lower) | np.isnan(upper) | (total == 0) | (search.bounds != np.inf)
    values = np.where(unknown, np.nan, fractions)
    return Frame(layout.series, values, search.seen).merged_per_step()


class _RankSearch:
    """The number of observations below a value, for all histograms and steps at once.

    ``ranks``, where one is ``found``; ``counts`` and ``bounds`` of the last bucket so far; where a
    bucket was ``seen``.
    """

    def __init__(
        self, value: Floats, layout: BucketLayout, frame: Frame, usage: QueryUsage
    ) -> None:
        shape = len(layout.series), frame.values.shape[1]
        usage.check_samples(shape[0] * shape[1])
        self.value = value
        self.counts, self.ranks = np.zeros((2, *shape))
        self.bounds = np.full(shape, -np.inf)
        self.seen, self.found = np.zeros((2, *shape), bool)
        for bound, (histograms, rows) in zip(layout.bounds, layout.rows, strict=True):
            usage.check_time()
            self._bucket(bound, *bucket_counts(frame, histograms, rows, shape))

    def _bucket(self, bound: float, counts: Floats, present: np.ndarray) -> None:
        before, rest = self.bounds, present & ~self.found
        begins = rest & (before >= self.value)
        divided = rest & (before < self.value) & (bound > self.value)
        share = (self.value - before) / (bound - before)
        inside = self.counts + (counts - self.counts) * share
        self.ranks = np.where(begins, self.counts, np.where(divided, inside, self.ranks))
        self.found |= begins | divided
        self.seen |= present
        self.counts = np.where(present, counts, self.counts)
        self.bounds = np.where(present, bound, self.bounds)
