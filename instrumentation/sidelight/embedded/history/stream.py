"""Series that are sampled at the same times, and the chunks that their steps are encoded as."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.history.encoding import (
    ABSENT,
    STALE,
    EncodedPart,
    SampleBits,
    SeriesIds,
    all_steps,
    encode_parts,
    last_values,
    positions,
    to_bits,
)
from sidelight.embedded.history.histogram_store import HistogramStore, PackedHistograms
from sidelight.embedded.history.index import SeriesIndex
from sidelight.embedded.promql.float_histogram import FloatHistogram

MAX_STEPS = 60
"""Steps of a chunk; below 256, so that the number of a step is a byte."""
PART_OVERHEAD = 600
"""The bytes of a part besides its columns."""
CHANGE_SIZE = 12
"""The bytes of a change in the head, which is not encoded."""
GROWTH = 1.3
"""Arrays by id are made this many times as long as needed."""
NO_HISTOGRAMS: Mapping[int, FloatHistogram] = MappingProxyType({})


class StreamStep(NamedTuple):
    """The values that changed in one step, sorted by id."""

    ids: SeriesIds
    values: SampleBits


@dataclass(frozen=True, slots=True)
class Chunk:
    """The changes of ``count`` steps; ``size`` is in bytes."""

    count: int
    changes: int
    size: int
    parts: tuple[EncodedPart, ...]

    def values_at_end(self, values: SampleBits) -> SampleBits:
        """Return the values of all series at its end, from those at its start, by id."""
        values = values.copy()
        for part in self.parts:
            values[part.rows] = last_values(part, np.arange(len(part.rows)))
        return values

    def last_values_of(self, ids: SeriesIds, values: SampleBits) -> SampleBits:
        """Return the values of these series at its end, from those at its start."""
        values = values.copy()
        for part in self.parts:
            matching, at = positions(part, ids)
            values[matching] = last_values(part, at)
        return values

    def all_steps(self, ids: SeriesIds, values: SampleBits) -> SampleBits:
        """Return the values of these series at every step."""
        out = np.repeat(values, self.count).reshape(len(ids), self.count)
        for part in self.parts:
            matching, at = positions(part, ids)
            if len(matching):
                out[matching] = all_steps(part, at, values[matching], self.count)
        return out


def make_chunk(steps: Sequence[StreamStep]) -> Chunk:
    """Encode some steps as a chunk."""
    ids = np.concatenate([step.ids for step in steps])
    values = np.concatenate([step.values for step in steps])
    lengths = [len(step.ids) for step in steps]
    number = np.repeat(np.arange(len(steps), dtype=np.uint8), lengths)
    order = np.argsort(ids, kind="stable")
    parts = encode_parts(ids[order], number[order], values[order], len(steps))
    size = sum(part.size + PART_OVERHEAD for part in parts)
    return Chunk(len(steps), len(ids), size, tuple(parts))


def head_steps(steps: Sequence[StreamStep], ids: SeriesIds, values: SampleBits) -> SampleBits:
    """Return the values of these series at every step of the head, which is not encoded."""
    out = np.empty((len(ids), len(steps)), np.int64)
    values = values.copy()
    for number, step in enumerate(steps):
        if len(step.ids):
            at = np.minimum(np.searchsorted(step.ids, ids), len(step.ids) - 1)
            matching = np.flatnonzero(step.ids[at] == ids)
            values[matching] = step.values[at[matching]]
        out[:, number] = values
    return out


@dataclass(frozen=True, slots=True)
class StreamSnapshot:
    """An immutable snapshot of a stream.

    ``base``: the value of each series before the first of ``times``. ``steps``: the head.
    ``histograms``: those that words of the values stand for.
    """

    times: tuple[int, ...]
    base: SampleBits
    chunks: tuple[Chunk, ...]
    steps: tuple[StreamStep, ...]
    histograms: PackedHistograms


class SeriesStream:
    """Samples of series at the same times, stored where they change.

    New steps are appended to the head, and become a chunk later. A series that a step does not
    have gets a staleness marker at that step.
    """

    def __init__(self) -> None:
        self.index = SeriesIndex()
        self.times: list[int] = []
        self.samples = 0
        self._first = 0
        self._base = np.empty(0, np.int64)
        self._last = np.empty(0, np.int64)
        self._changed = np.empty(0, np.int64)
        self._chunks: list[Chunk] = []
        self._steps: list[StreamStep] = []
        self._head_changes = 0
        self._chunk_bytes = 0
        self._histograms = HistogramStore()
        self._histograms_after: list[int] = []
        """For each chunk, the number of the next histogram."""

    @property
    def size(self) -> int:
        """The bytes that the stream takes."""
        arrays = self._base.nbytes + self._last.nbytes + self._changed.nbytes
        steps = self._head_changes * CHANGE_SIZE + 300 * len(self._steps) + 40 * len(self.times)
        return self.index.size + arrays + self._chunk_bytes + steps + self._histograms.size

    @property
    def snapshot(self) -> StreamSnapshot:
        """Return a snapshot."""
        self._grow()
        return StreamSnapshot(
            tuple(self.times),
            self._base,
            tuple(self._chunks),
            tuple(self._steps),
            self._histograms.packed,
        )

    def add(
        self,
        time: int,
        ids: Sequence[int] | SeriesIds,
        values: NDArray[np.float64],
        histograms: Mapping[int, FloatHistogram] = NO_HISTOGRAMS,
    ) -> None:
        """Add a step: the values of all series that it has, and histograms by id."""
        self._grow()
        width = self.index.width
        last = self._last[:width]
        now = np.full(width, ABSENT, np.int64)
        now[np.asarray(ids, np.int32)] = to_bits(values)
        for number, one in histograms.items():
            now[number] = self._histograms.word(one, int(last[number]))
        absent = now == ABSENT
        ended = absent & (last != ABSENT) & (last != STALE)
        now[absent] = last[absent]
        now[ended] = STALE
        changed = np.flatnonzero(now != last).astype(np.int32)
        self._changed[changed] = self._first + len(self.times)
        self._last[changed] = now[changed]
        self.times.append(time)
        self._steps.append(StreamStep(changed, now[changed]))
        self._head_changes += len(changed)
        self.samples += len(changed)

    def has_live(self, key: bytes) -> bool:
        """Return whether the series of this key exists and has not ended."""
        found = self.index.ids.get(key)
        if found is None or found >= len(self._last):
            return False
        return bool(self._last[found] not in {ABSENT, STALE})

    def should_seal(self, changes: int) -> bool:
        """Return whether the head is long or large enough to become a chunk."""
        return len(self._steps) >= MAX_STEPS or self._head_changes >= changes

    def seal(self) -> None:
        """Encode the head as a chunk."""
        if self._steps:
            self._chunks.append(make_chunk(self._steps))
            self._chunk_bytes += self._chunks[-1].size
            self._histograms_after.append(self._histograms.next)
            self._steps.clear()
            self._head_changes = 0

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return len(self._chunks)

    @property
    def oldest(self) -> int:
        """The time of the last step of the oldest chunk. Raises IndexError without chunks."""
        return self.times[self._chunks[0].count - 1]

    def drop(self) -> None:
        """Drop the oldest chunk. Raises IndexError without chunks."""
        chunk = self._chunks.pop(0)
        self._chunk_bytes -= chunk.size
        self._grow()
        self._base = chunk.values_at_end(self._base)
        self._histograms.keep(self._histograms_after.pop(0), self._base)
        self._first += chunk.count
        self.samples -= chunk.changes
        del self.times[: chunk.count]

    def reclaim(self) -> None:
        """Remove series that ended before the first step; their ids may be used again."""
        width = self.index.width
        ended = (self._last[:width] == STALE) & (self._changed[:width] < self._first)
        removed = np.flatnonzero(ended).astype(np.int32)
        if len(removed):
            self._base[removed] = ABSENT
            self._last[removed] = ABSENT
            self.index.remove(removed)

    def clear(self) -> None:
        """Drop all samples."""
        self.seal()
        while self._chunks:
            self.drop()
        self.reclaim()

    def _grow(self) -> None:
        """Make room for every id."""
        width = self.index.width
        if width <= len(self._last):
            return
        more = max(int(width * GROWTH), 16) - len(self._last)
        self._last = np.r_[self._last, np.full(more, ABSENT)]
        self._base = np.r_[self._base, np.full(more, ABSENT)]
        self._changed = np.r_[self._changed, np.zeros(more, np.int64)]


def steps_between(snapshot: StreamSnapshot, ids: SeriesIds, begin: int, end: int) -> SampleBits:
    """Return the samples of these series, sorted by id, from step ``begin`` up to ``end``."""
    out = np.empty((len(ids), end - begin), np.int64)
    before = now = snapshot.base[ids]
    at = 0
    parts: list[Chunk | tuple[StreamStep, ...]] = [*snapshot.chunks, snapshot.steps]
    for chunk in parts:
        count = chunk.count if isinstance(chunk, Chunk) else len(chunk)
        low, high = max(begin - at, 0), min(end - at, count)
        if isinstance(chunk, Chunk) and low >= count:
            now = before = chunk.last_values_of(ids, now)
        elif low < high:
            steps = _filled(chunk, ids, now)
            before = steps[:, low - 1] if low else before
            out[:, at + low - begin : at + high - begin] = steps[:, low:high]
            now = steps[:, -1]
        at += count
    return _single_markers(out, before)


def _filled(chunk: Chunk | tuple[StreamStep, ...], ids: SeriesIds, now: SampleBits) -> SampleBits:
    return chunk.all_steps(ids, now) if isinstance(chunk, Chunk) else head_steps(chunk, ids, now)


def _single_markers(values: SampleBits, before: SampleBits) -> SampleBits:
    """Keep the first of consecutive staleness markers; the others become absent samples."""
    stale = values == STALE
    if stale.any():
        earlier = np.column_stack((before == STALE, stale[:, :-1]))
        values[stale & earlier] = ABSENT
    return values
