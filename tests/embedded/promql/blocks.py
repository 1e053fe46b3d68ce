"""Samples of a test: blocks as the history has them, and a source in memory that selects."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from sidelight.embedded.promql.matching import matching
from sidelight.embedded.promql.source import ABSENT_BITS, STALE_BITS, Block, Matcher

GONE: Final = "gone"
"""In place of a value: the series has ended here; its staleness marker."""
Row = Sequence[float | str | None]
Labels = tuple[tuple[str, str], ...]


def labels(name: str, **others: str) -> Labels:
    """A series by its name and labels."""
    return (("__name__", name), *others.items())


def block(times: Sequence[int], rows: Mapping[Labels, Row]) -> Block:
    """Series of one grid of times (ms); None is no sample, `GONE` a staleness marker."""
    bits = np.full((len(rows), len(times)), ABSENT_BITS, np.int64)
    for number, row in enumerate(rows.values()):
        assert len(row) == len(times), (len(row), len(times))
        for at, value in enumerate(row):
            if value is not None:
                bits[number, at] = STALE_BITS if isinstance(value, str) else _bits(value)
    return Block([dict(one) for one in rows], np.array(times, np.int64), bits.view(np.float64))


def matched(matchers: Sequence[Matcher], sets: Sequence[Mapping[str, str]]) -> list[int]:
    """Which of the label sets meet every condition, by their number."""
    meets = matching(matchers)
    return [number for number, one in enumerate(sets) if meets(one)]


def _bits(value: float) -> int:
    return int(np.float64(value).view(np.int64))


class Memory:
    """A `Source` of blocks that are all there."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.blocks = blocks
        self._found: dict[tuple[Matcher, ...], list[Block]] = {}

    def select(self, matchers: Sequence[Matcher], after: int, until: int) -> list[Block]:
        """What matches, with its samples of ``after`` < time <= ``until`` (milliseconds)."""
        asked = tuple(matchers)
        if asked not in self._found:
            self._found[asked] = [_rows(one, asked) for one in self.blocks]
        cut = [_cut(one, after, until) for one in self._found[asked]]
        return [one for one in cut if one.labels and len(one.times)]


def _rows(whole: Block, matchers: tuple[Matcher, ...]) -> Block:
    rows = matched(matchers, whole.labels)
    values = whole.values.view(np.int64)[rows]  # as integers, NaN keep their bits
    return Block([whole.labels[n] for n in rows], whole.times, values.view(np.float64))


def _cut(found: Block, after: int, until: int) -> Block:
    first, last = np.searchsorted(found.times, (after, until), side="right")
    values = found.values.view(np.int64)[:, first:last].copy()
    return Block(found.labels, found.times[first:last], values.view(np.float64))
