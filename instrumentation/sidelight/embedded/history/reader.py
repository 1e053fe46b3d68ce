"""Series that were selected from a stream, read block by block to bound the memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np

from sidelight.embedded.history.encoding import ABSENT, SeriesIds, to_floats
from sidelight.embedded.history.histogram_store import take_histograms
from sidelight.embedded.history.stream import StreamSnapshot, steps_between
from sidelight.embedded.promql.storage import SampleBlock

BLOCK_SAMPLES = 1 << 19
"""Samples of a block: 4 MiB."""


class SeriesReader:
    """Some series of one stream, sorted by id, from one step to another."""

    def __init__(
        self,
        snapshot: StreamSnapshot,
        ids: SeriesIds,
        labels: Sequence[Mapping[str, str]],
        begin: int,
        end: int,
    ) -> None:
        self._snapshot = snapshot
        self._ids = ids
        self._labels = labels
        self._begin = begin
        self._end = end
        self._times = np.array(snapshot.times[begin:end], np.int64)
        self._rows = max(1, BLOCK_SAMPLES // max(1, end - begin))

    @property
    def samples(self) -> int:
        """The largest number of samples that there may be."""
        return len(self._ids) * len(self._times)

    @property
    def block_count(self) -> int:
        """The number of blocks."""
        return -(-len(self._ids) // self._rows)

    def block(self, number: int) -> SampleBlock:
        """Return one block; series without any sample in it are left out."""
        part = slice(number * self._rows, (number + 1) * self._rows)
        values = steps_between(self._snapshot, self._ids[part], self._begin, self._end)
        labels = self._labels[part]
        nonempty = (values != ABSENT).any(axis=1)
        if not nonempty.all():
            values = values[nonempty]
            labels = [found for found, stays in zip(labels, nonempty, strict=True) if stays]
        table = take_histograms(values, self._snapshot.histograms)
        return SampleBlock(labels, self._times, to_floats(values), table)


class LazyBlocks(Sequence[SampleBlock]):
    """Blocks that are made when they are read, and not kept."""

    def __init__(self, readers: Sequence[SeriesReader]) -> None:
        self._blocks = [(one, number) for one in readers for number in range(one.block_count)]

    def __len__(self) -> int:
        return len(self._blocks)

    @overload
    def __getitem__(self, at: int) -> SampleBlock: ...
    @overload
    def __getitem__(self, at: slice) -> list[SampleBlock]: ...
    def __getitem__(self, at: int | slice) -> SampleBlock | list[SampleBlock]:
        if isinstance(at, slice):
            return [one.block(number) for one, number in self._blocks[at]]
        reader, number = self._blocks[at]
        return reader.block(number)

    def __iter__(self) -> Iterator[SampleBlock]:
        for reader, number in self._blocks:
            yield reader.block(number)
