"""What was selected from a stream, made in pieces: never more than one of them in memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np

from sidelight.embedded.history.stream import Past, between
from sidelight.embedded.history.words import ABSENT, Ids, numbers
from sidelight.embedded.promql.source import Block

PIECE = 1 << 19
"""Samples of a block: 4 MiB."""


class Reading:
    """Some series of one stream, from one step to another; ids ascend."""

    def __init__(
        self, past: Past, ids: Ids, labels: Sequence[Mapping[str, str]], begin: int, end: int
    ) -> None:
        self._past = past
        self._ids = ids
        self._labels = labels
        self._begin = begin
        self._end = end
        self._times = np.array(past.times[begin:end], np.int64)
        self._rows = max(1, PIECE // max(1, end - begin))

    @property
    def samples(self) -> int:
        """How many there may be at most."""
        return len(self._ids) * len(self._times)

    @property
    def pieces(self) -> int:
        """How many blocks it has."""
        return -(-len(self._ids) // self._rows)

    def piece(self, number: int) -> Block:
        """One block; series without any sample in it are left out."""
        part = slice(number * self._rows, (number + 1) * self._rows)
        values = between(self._past, self._ids[part], self._begin, self._end)
        labels = self._labels[part]
        there = (values != ABSENT).any(axis=1)
        if not there.all():
            values = values[there]
            labels = [found for found, stays in zip(labels, there, strict=True) if stays]
        return Block(labels, self._times, numbers(values))


class Blocks(Sequence[Block]):
    """Blocks that are made as they are asked for, and not kept."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._places = [(one, number) for one in readings for number in range(one.pieces)]

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Block: ...
    @overload
    def __getitem__(self, at: slice) -> list[Block]: ...
    def __getitem__(self, at: int | slice) -> Block | list[Block]:
        if isinstance(at, slice):
            return [one.piece(number) for one, number in self._places[at]]
        reading, number = self._places[at]
        return reading.piece(number)

    def __iter__(self) -> Iterator[Block]:
        for reading, number in self._places:
            yield reading.piece(number)
