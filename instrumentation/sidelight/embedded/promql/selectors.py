"""Samples of selectors, for the steps of a query."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sidelight.embedded.promql.frame import Bools, Floats, Frame, Ints, stacked_frames
from sidelight.embedded.promql.labels import LabelSets, sorted_label_sets
from sidelight.embedded.promql.limits import QueryUsage
from sidelight.embedded.promql.storage import (
    ABSENT_BITS,
    STALE_BITS,
    LabelMatcher,
    SampleBlock,
    Source,
)
from sidelight.embedded.promql.windows import RangeSamples, range_samples

LOOKBACK: Final = 300_000
"""Prometheus's default lookback delta: an older sample is not the current value. Milliseconds."""


@dataclass(frozen=True)
class SelectedBlock:
    """The series of one block that a selector selects."""

    series: LabelSets
    block: SampleBlock


class SelectorCache:
    """What a query has selected so far: the same selector does not read the source twice."""

    def __init__(self, source: Source, usage: QueryUsage) -> None:
        self.source = source
        self.usage = usage
        self._found: dict[tuple[tuple[LabelMatcher, ...], int, int], list[SelectedBlock]] = {}

    def select(
        self, matchers: tuple[LabelMatcher, ...], after: int, until: int
    ) -> list[SelectedBlock]:
        """Return the blocks, not empty, with samples of ``after`` < time <= ``until``."""
        key = matchers, after, until
        if key not in self._found:
            self.usage.check_time()
            blocks = [one for one in self.source.select(*key) if one.values.size]
            self.usage.check_samples(sum(one.values.size for one in blocks))
            self._found[key] = [SelectedBlock(sorted_label_sets(one.labels), one) for one in blocks]
        return self._found[key]

    def in_ranges(
        self, matchers: tuple[LabelMatcher, ...], starts: Ints, ends: Ints
    ) -> list[RangeSamples]:
        """Return the samples for a function of a range vector."""
        found = self.select(matchers, int(starts.min()), int(ends.max()))
        return [range_samples(one.series, one.block.times, one.block.values) for one in found]

    def at_instants(
        self, matchers: tuple[LabelMatcher, ...], ends: Ints, *, timestamps: bool = False
    ) -> Frame:
        """Return at each step the newest sample that is not too old, of series that have not ended.

        With ``timestamps`` the values are the samples' own times, in seconds.
        """
        found = self.select(matchers, int(ends.min()) - LOOKBACK, int(ends.max()))
        self.usage.check_samples(sum(len(one.series) for one in found) * len(ends))
        return stacked_frames(
            [_instant_samples(one, ends, timestamps=timestamps) for one in found], len(ends)
        )


def _instant_samples(chosen: SelectedBlock, ends: Ints, *, timestamps: bool) -> Frame:
    block = chosen.block
    low = np.searchsorted(block.times, ends - LOOKBACK, side="right")
    index = np.searchsorted(block.times, ends, side="right") - 1
    place = np.maximum(index, 0)
    values = block.values[:, place]
    present = np.broadcast_to(index >= low, values.shape)
    seconds = np.broadcast_to(block.times[place] / 1000, values.shape)
    if np.isnan(values).any():
        values, present, seconds = _with_markers(block, low, index)
    return Frame(chosen.series, seconds if timestamps else values, present)


def _with_markers(block: SampleBlock, low: Ints, index: Ints) -> tuple[Floats, Bools, Floats]:
    """As `_instant_samples`, where some samples are absent or staleness markers."""
    absent = block.values.view(np.int64) == ABSENT_BITS
    places = np.where(absent, -1, np.arange(len(block.times)))
    newest = np.maximum.accumulate(places, axis=1)[:, np.maximum(index, 0)]
    place = np.maximum(newest, 0)
    values = np.take_along_axis(block.values, place, axis=1)
    ended = values.view(np.int64) == STALE_BITS
    present = (index >= low) & (newest >= low) & ~ended
    return values, present, block.times[place] / 1000
