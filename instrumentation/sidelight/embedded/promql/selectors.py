"""Samples that selectors select: of a range, and the newest at each step of a query."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from sidelight.embedded.promql.ast import VectorSelector
from sidelight.embedded.promql.frame import (
    Frame,
    Ints,
    LabelSets,
    has_histogram,
    kept,
    samples_of,
    sorted_label_sets,
    stacked_frames,
)
from sidelight.embedded.promql.histogram_counts import without_buckets
from sidelight.embedded.promql.limits import QueryUsage
from sidelight.embedded.promql.range_windows import RangeSamples, range_samples
from sidelight.embedded.promql.storage import (
    ABSENT_BITS,
    STALE_BITS,
    LabelMatcher,
    SampleBlock,
    Source,
)


@dataclass(frozen=True)
class SelectedBlock:
    """The series of one block that a selector selects."""

    series: LabelSets
    block: SampleBlock


class SelectorCache:
    """What a query has selected so far: the same selector does not read the source twice.

    ``of_counts``: the selector of which the query needs no buckets.
    """

    def __init__(
        self, source: Source, usage: QueryUsage, of_counts: VectorSelector | None = None
    ) -> None:
        self.source = source
        self.usage = usage
        self._of_counts = of_counts
        self._found: dict[tuple[tuple[LabelMatcher, ...], int, int, bool], list[SelectedBlock]] = {}

    def select(self, selector: VectorSelector, after: int, until: int) -> list[SelectedBlock]:
        """Return the blocks, not empty, with samples of ``after`` < time <= ``until``."""
        counts = selector is self._of_counts
        key = selector.matchers, after, until, counts
        if key not in self._found:
            self.usage.check_time()
            found = self.source.select(*key[:3])
            self._found[key] = list(self._blocks(map(without_buckets, found) if counts else found))
        return self._found[key]

    def _blocks(self, found: Iterable[SampleBlock]) -> Iterator[SelectedBlock]:
        """Yield the blocks that are not empty. `QueryError` if they are too large together."""
        size = 0
        for one in found:
            size += one.values.size + samples_of(one.histograms)
            self.usage.check_samples(size)
            if one.values.size:
                yield SelectedBlock(sorted_label_sets(one.labels), one)

    def in_ranges(self, selector: VectorSelector, starts: Ints, ends: Ints) -> list[RangeSamples]:
        """Return the samples for a function of a range vector."""
        found = self.select(selector, int(starts.min()), int(ends.max()))
        return [range_samples(one.series, one.block) for one in found]

    def at_instants(
        self, selector: VectorSelector, ends: Ints, *, timestamps: bool = False
    ) -> Frame:
        """Return at each step the newest sample that is not too old, of series that have not ended.

        With ``timestamps`` the values are the samples' own times, in seconds.
        """
        lookback = self.usage.limits.lookback
        found = self.select(selector, int(ends.min()) - lookback, int(ends.max()))
        self.usage.check_samples(sum(len(one.series) for one in found) * len(ends))
        return stacked_frames(
            [_instant_samples(one, ends, lookback, timestamps=timestamps) for one in found],
            len(ends),
        )


def _instant_samples(
    chosen: SelectedBlock, ends: Ints, lookback: int, *, timestamps: bool
) -> Frame:
    block = chosen.block
    low = np.searchsorted(block.times, ends - lookback, side="right")
    index = np.searchsorted(block.times, ends, side="right") - 1
    place = np.maximum(index, 0)
    values = block.values[:, place]
    if np.isnan(values).any():
        return _with_markers(chosen, low, index, timestamps=timestamps)
    present = np.broadcast_to(index >= low, values.shape)
    seconds = np.broadcast_to(block.times[place] / 1000, values.shape)
    return Frame(chosen.series, seconds if timestamps else values, present)


def _with_markers(chosen: SelectedBlock, low: Ints, index: Ints, *, timestamps: bool) -> Frame:
    """As `_instant_samples`, where some samples are absent, staleness markers or histograms."""
    block = chosen.block
    table = has_histogram(block.histograms, block.values.shape)
    absent = (block.values.view(np.int64) == ABSENT_BITS) & ~table
    places = np.where(absent, -1, np.arange(len(block.times)))
    newest = np.maximum.accumulate(places, axis=1)[:, np.maximum(index, 0)]
    place = np.maximum(newest, 0)
    values = np.take_along_axis(block.values, place, axis=1)
    ended = values.view(np.int64) == STALE_BITS
    present = (index >= low) & (newest >= low) & ~ended
    if timestamps:
        return Frame(chosen.series, block.times[place] / 1000, present)
    if block.histograms is None:
        return Frame(chosen.series, values, present)
    found = kept(np.take_along_axis(block.histograms, place, axis=1), present)
    return Frame(chosen.series, values, present & ~has_histogram(found, present.shape), found)
