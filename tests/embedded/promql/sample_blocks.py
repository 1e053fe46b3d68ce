"""Samples of a test as blocks, and a source in memory that selects from them."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.storage import (
    ABSENT_BITS,
    STALE_BITS,
    LabelMatcher,
    SampleBlock,
    label_set_test,
)

MARKER: Final = "gone"
"""Stands in place of a value for a staleness marker."""
Cell = float | str | FloatHistogram | None
Row = Sequence[Cell]
LabelPairs = tuple[tuple[str, str], ...]


def labels(name: str, **others: str) -> LabelPairs:
    """Return a series by its name and labels."""
    return (("__name__", name), *others.items())


def block(times: Sequence[int], rows: Mapping[LabelPairs, Row]) -> SampleBlock:
    """Return series with common times (ms); None is no sample, `MARKER` a staleness marker."""
    words = np.full((len(rows), len(times)), ABSENT_BITS, np.int64)
    table = np.full(words.shape, None)
    for number, row in enumerate(rows.values()):
        assert len(row) == len(times), (len(row), len(times))
        for at, value in enumerate(row):
            if isinstance(value, FloatHistogram):
                table[number, at] = value
            elif value is not None:
                words[number, at] = STALE_BITS if isinstance(value, str) else bits(value)
    labels, some = [dict(one) for one in rows], any(one is not None for one in table.flat)
    when, values = np.array(times, np.int64), words.view(np.float64)
    return SampleBlock(labels, when, values, table if some else None)


def matched(matchers: Sequence[LabelMatcher], sets: Sequence[Mapping[str, str]]) -> list[int]:
    """Return the positions of the label sets that meet every matcher."""
    meets = label_set_test(matchers)
    return [number for number, one in enumerate(sets) if meets(one)]


def bits(value: float) -> int:
    """Return the bits of a number."""
    return int(np.float64(value).view(np.int64))


class MemorySource:
    """A `Source` over blocks in memory."""

    def __init__(self, blocks: Sequence[SampleBlock]) -> None:
        self.blocks = blocks
        self._found: dict[tuple[LabelMatcher, ...], list[SampleBlock]] = {}

    def select(self, matchers: Sequence[LabelMatcher], after: int, until: int) -> list[SampleBlock]:
        """Return the series that match, with samples of ``after`` < time <= ``until`` (ms)."""
        asked = tuple(matchers)
        if asked not in self._found:
            self._found[asked] = [_rows(one, asked) for one in self.blocks]
        cut = [_cut(one, after, until) for one in self._found[asked]]
        return [one for one in cut if one.labels and len(one.times)]


def _rows(whole: SampleBlock, matchers: tuple[LabelMatcher, ...]) -> SampleBlock:
    rows = matched(matchers, whole.labels)
    values = whole.values.view(np.int64)[rows]  # as integers, NaN keep their bits
    table = None if whole.histograms is None else whole.histograms[rows]
    labels = [whole.labels[n] for n in rows]
    return SampleBlock(labels, whole.times, values.view(np.float64), table)


def _cut(found: SampleBlock, after: int, until: int) -> SampleBlock:
    first, last = np.searchsorted(found.times, (after, until), side="right")
    values = found.values.view(np.int64)[:, first:last].copy()
    table = None if found.histograms is None else found.histograms[:, first:last]
    return SampleBlock(found.labels, found.times[first:last], values.view(np.float64), table)
