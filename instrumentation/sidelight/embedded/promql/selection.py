"""Samples from the source, for the steps of a query."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sidelight.embedded.promql.frame import Bools, Floats, Frame, Ints, stacked
from sidelight.embedded.promql.limits import Budget
from sidelight.embedded.promql.series import Series, ordered
from sidelight.embedded.promql.source import ABSENT_BITS, STALE_BITS, Block, Matcher, Source
from sidelight.embedded.promql.windows import Samples, readable

LOOK_BACK: Final = 300_000
"""Milliseconds after which a sample is no longer what a series is now; Prometheus's default."""


@dataclass(frozen=True)
class Chosen:
    """What one selector finds."""

    series: Series
    block: Block


class Selection:
    """What a query has selected so far: the same is not selected twice."""

    def __init__(self, source: Source, budget: Budget) -> None:
        self.source = source
        self.budget = budget
        self._found: dict[tuple[tuple[Matcher, ...], int, int], list[Chosen]] = {}

    def select(self, matchers: tuple[Matcher, ...], after: int, until: int) -> list[Chosen]:
        """Blocks that have series and times, with samples of ``after`` < time <= ``until``."""
        key = matchers, after, until
        if key not in self._found:
            self.budget.check()
            blocks = [one for one in self.source.select(*key) if one.values.size]
            self.budget.room(sum(one.values.size for one in blocks))
            self._found[key] = [Chosen(ordered(one.labels), one) for one in blocks]
        return self._found[key]

    def samples(self, matchers: tuple[Matcher, ...], starts: Ints, ends: Ints) -> list[Samples]:
        """For functions over ranges."""
        found = self.select(matchers, int(starts.min()), int(ends.max()))
        return [readable(one.series, one.block.times, one.block.values) for one in found]

    def newest(self, matchers: tuple[Matcher, ...], ends: Ints, *, times: bool = False) -> Frame:
        """At each step the newest sample that is not too old, of series that have not ended.

        With ``times`` the values are the samples' own times, in seconds.
        """
        found = self.select(matchers, int(ends.min()) - LOOK_BACK, int(ends.max()))
        self.budget.room(sum(len(one.series) for one in found) * len(ends))
        return stacked([_newest(one, ends, times=times) for one in found], len(ends))


def _newest(chosen: Chosen, ends: Ints, *, times: bool) -> Frame:
    block = chosen.block
    low = np.searchsorted(block.times, ends - LOOK_BACK, side="right")
    index = np.searchsorted(block.times, ends, side="right") - 1
    place = np.maximum(index, 0)
    values = block.values[:, place]
    present = np.broadcast_to(index >= low, values.shape)
    seconds = np.broadcast_to(block.times[place] / 1000, values.shape)
    if np.isnan(values).any():
        values, present, seconds = _marked(block, low, index)
    return Frame(chosen.series, seconds if times else values, present)


def _marked(block: Block, low: Ints, index: Ints) -> tuple[Floats, Bools, Floats]:
    """As above, where some samples are absent or marks of an end."""
    absent = block.values.view(np.int64) == ABSENT_BITS
    places = np.where(absent, -1, np.arange(len(block.times)))
    newest = np.maximum.accumulate(places, axis=1)[:, np.maximum(index, 0)]
    place = np.maximum(newest, 0)
    values = np.take_along_axis(block.values, place, axis=1)
    ended = values.view(np.int64) == STALE_BITS
    present = (index >= low) & (newest >= low) & ~ended
    return values, present, block.times[place] / 1000
