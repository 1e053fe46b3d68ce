"""Series that are sampled together: one page's, or one rule's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.history.chunk import MOST_STEPS, Chunk, Step, sealed, unsealed
from sidelight.embedded.history.registry import Registry
from sidelight.embedded.history.words import ABSENT, STALE, Ids, Words, words

A_CHANGE = 12
"""Bytes of a change that is not sealed."""
ROOM = 1.3
"""How much more room than needed arrays by id get."""


@dataclass(frozen=True, slots=True)
class Past:
    """Steps of a stream as they are now, whatever is added or dropped later.

    ``base`` is what each series was before the first of ``times``.
    """

    times: tuple[int, ...]
    base: Words
    chunks: tuple[Chunk, ...]
    steps: tuple[Step, ...]


class Stream:
    """Samples of the same series at the same times, kept where they changed.

    A series that a step doesn't have gets a stale marker at that step.
    """

    def __init__(self) -> None:
        self.registry = Registry()
        self.times: list[int] = []
        self.samples = 0
        self._first = 0
        self._base = np.empty(0, np.int64)
        self._last = np.empty(0, np.int64)
        self._changed = np.empty(0, np.int64)
        self._chunks: list[Chunk] = []
        self._steps: list[Step] = []
        self._waiting = 0
        self._packed = 0

    @property
    def size(self) -> int:
        """Bytes it takes."""
        arrays = self._base.nbytes + self._last.nbytes + self._changed.nbytes
        steps = self._waiting * A_CHANGE + 300 * len(self._steps) + 40 * len(self.times)
        return self.registry.size + arrays + self._packed + steps

    @property
    def past(self) -> Past:
        """What it holds."""
        self._widen()
        return Past(tuple(self.times), self._base, tuple(self._chunks), tuple(self._steps))

    def add(self, time: int, ids: Sequence[int] | Ids, values: NDArray[np.float64]) -> None:
        """One step: a value of each of these series, and of no other."""
        self._widen()
        width = self.registry.width
        last = self._last[:width]
        now = np.full(width, ABSENT, np.int64)
        now[np.asarray(ids, np.int32)] = words(values)
        absent = now == ABSENT
        ended = absent & (last != ABSENT) & (last != STALE)
        now[absent] = last[absent]
        now[ended] = STALE
        changed = np.flatnonzero(now != last).astype(np.int32)
        self._changed[changed] = self._first + len(self.times)
        self._last[changed] = now[changed]
        self.times.append(time)
        self._steps.append(Step(changed, now[changed]))
        self._waiting += len(changed)
        self.samples += len(changed)

    def lives(self, key: bytes) -> bool:
        """Whether it has a series of this key, with a sample that is no end."""
        found = self.registry.ids.get(key)
        if found is None or found >= len(self._last):
            return False
        return bool(self._last[found] not in {ABSENT, STALE})

    def ready(self, changes: int) -> bool:
        """Whether there is enough to be sealed."""
        return len(self._steps) >= MOST_STEPS or self._waiting >= changes

    def seal(self) -> None:
        """Pack what came since it was sealed last."""
        if self._steps:
            self._chunks.append(sealed(self._steps))
            self._packed += self._chunks[-1].size
            self._steps.clear()
            self._waiting = 0

    @property
    def chunks(self) -> int:
        """How many there are."""
        return len(self._chunks)

    @property
    def oldest(self) -> int:
        """The time of the last step of its oldest chunk. Raises IndexError without any."""
        return self.times[self._chunks[0].count - 1]

    def drop(self) -> None:
        """Forget the oldest chunk. Raises IndexError without any."""
        chunk = self._chunks.pop(0)
        self._packed -= chunk.size
        self._widen()
        self._base = chunk.after(self._base)
        self._first += chunk.count
        self.samples -= chunk.changes
        del self.times[: chunk.count]

    def reclaim(self) -> None:
        """Forget series that ended before all it holds; their ids may be given again."""
        width = self.registry.width
        ended = (self._last[:width] == STALE) & (self._changed[:width] < self._first)
        gone = np.flatnonzero(ended).astype(np.int32)
        if len(gone):
            self._base[gone] = ABSENT
            self._last[gone] = ABSENT
            self.registry.remove(gone)

    def forget(self) -> None:
        """Drop all samples."""
        self.seal()
        while self._chunks:
            self.drop()
        self.reclaim()

    def _widen(self) -> None:
        """Room for every id."""
        width = self.registry.width
        if width <= len(self._last):
            return
        more = max(int(width * ROOM), 16) - len(self._last)
        self._last = np.r_[self._last, np.full(more, ABSENT)]
        self._base = np.r_[self._base, np.full(more, ABSENT)]
        self._changed = np.r_[self._changed, np.zeros(more, np.int64)]


def between(past: Past, ids: Ids, begin: int, end: int) -> Words:
    """The samples of these series (ids ascend) from step ``begin`` up to ``end``."""
    out = np.empty((len(ids), end - begin), np.int64)
    before = now = past.base[ids]
    at = 0
    pieces: list[Chunk | tuple[Step, ...]] = [*past.chunks, past.steps]
    for chunk in pieces:
        count = chunk.count if isinstance(chunk, Chunk) else len(chunk)
        low, high = max(begin - at, 0), min(end - at, count)
        if isinstance(chunk, Chunk) and low >= count:
            now = before = chunk.carried(ids, now)
        elif low < high:
            steps = _filled(chunk, ids, now)
            before = steps[:, low - 1] if low else before
            out[:, at + low - begin : at + high - begin] = steps[:, low:high]
            now = steps[:, -1]
        at += count
    return _ended(out, before)


def _filled(chunk: Chunk | tuple[Step, ...], ids: Ids, now: Words) -> Words:
    return chunk.filled(ids, now) if isinstance(chunk, Chunk) else unsealed(chunk, ids, now)


def _ended(values: Words, before: Words) -> Words:
    """A stale marker stands once; after it a series is absent."""
    stale = values == STALE
    if stale.any():
        earlier = np.column_stack((before == STALE, stale[:, :-1]))
        values[stale & earlier] = ABSENT
    return values
