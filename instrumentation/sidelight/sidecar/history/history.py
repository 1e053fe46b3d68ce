"""All streams, in bounded memory."""

import threading
from bisect import bisect_right
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import suppress

import numpy as np

from sidelight.promql.source import Matcher
from sidelight.sidecar.history.reading import Blocks, Reading
from sidelight.sidecar.history.registry import Accepts
from sidelight.sidecar.history.stream import A_CHANGE, Stream

SEALED_FROM = 32
"""A stream is sealed when what waits is this part of all memory."""
TEXT = 0.6
"""The part of memory that series may take without their samples."""


class History:
    """The samples of the last ``keep`` milliseconds, in ``memory`` bytes; the oldest go first.

    One thread adds, others read: what they were given stays as it is.
    """

    def __init__(self, keep: int, memory: int) -> None:
        self.keep = keep
        self.memory = memory
        self.lock = threading.Lock()
        self.left_out = 0
        """Samples of series for which there was no room."""
        self._streams: dict[Hashable, Stream] = {}

    def stream(self, key: Hashable) -> Stream:
        """The stream of this key; a new one for a new key."""
        with self.lock:
            return self._streams.setdefault(key, Stream())

    def others(self, key: Hashable, kind: type) -> list[Stream]:
        """Streams with another key of this kind."""
        with self.lock:
            return [s for k, s in self._streams.items() if isinstance(k, kind) and k != key]

    def identify(self, stream: Stream, key: bytes, labels: Mapping[str, str]) -> int | None:
        """The id of a series; None where there is no room for another. Hold the lock."""
        found = stream.registry.ids.get(key)
        if found is None and self._roomy(stream):
            found = stream.registry.add(key, labels)
        if found is None:
            self.left_out += 1
        return found

    def _roomy(self, stream: Stream) -> bool:
        """Whether there is room for another series."""
        room = self.memory * TEXT
        if stream.registry.size < room / 2:
            return True
        return sum(one.registry.size for one in self._streams.values()) < room

    def add(self, stream: Stream, time: int, samples: Mapping[int, float]) -> None:
        """One step of a stream, by id. A step that is not after its last one is left out."""
        ids = np.fromiter(samples, np.int32, len(samples))
        values = np.fromiter(samples.values(), np.float64, len(samples))
        with self.lock:
            if stream.times and time <= stream.times[-1]:
                return
            stream.add(time, ids, values)
            if stream.ready(self.memory // SEALED_FROM // A_CHANGE):
                stream.seal()
            self._tidy(time)

    def _tidy(self, now: int) -> None:
        """Drop what is too old, and then the oldest until the rest fits."""
        for key, stream in list(self._streams.items()):
            if stream.times and stream.times[-1] < now - self.keep:
                del self._streams[key]
                continue
            with suppress(IndexError):
                while stream.oldest < now - self.keep:
                    stream.drop()
        while self.size > self.memory and self._drop_oldest():
            pass

    def _drop_oldest(self) -> bool:
        sealed = [one for one in self._streams.values() if one.chunks]
        if not sealed:
            fullest = max(self._streams.values(), key=lambda one: one.size)
            if len(fullest.times) < 2:  # noqa: PLR2004 its only step is what is now
                return False
            fullest.seal()
            sealed = [fullest]
        min(sealed, key=lambda one: one.oldest).drop()
        return True

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return sum(stream.size + 2000 for stream in self._streams.values())

    @property
    def series(self) -> int:
        """Series it knows of."""
        return sum(len(stream.registry) for stream in self._streams.values())

    @property
    def samples(self) -> int:
        """Changes of value it holds."""
        return sum(stream.samples for stream in self._streams.values())

    @property
    def span(self) -> tuple[int, int]:
        """The time of its oldest and of its newest step; zeros when it is empty."""
        filled = [stream.times for stream in self._streams.values() if stream.times]
        return (min(t[0] for t in filled), max(t[-1] for t in filled)) if filled else (0, 0)

    def select(
        self, matchers: Sequence[tuple[Matcher, Accepts]], after: int, until: int
    ) -> list[Reading]:
        """What matches, with samples of ``after`` < time <= ``until``."""
        with self.lock:
            return [
                reading
                for stream in self._streams.values()
                for reading in _select(stream, matchers, after, until)
            ]

    def known(self, matchers: Sequence[tuple[Matcher, Accepts]]) -> Iterator[dict[str, str]]:
        """Labels of all series that match, with or without samples at some time."""
        with self.lock:
            found = [labels for s in self._streams.values() for _, labels in s.registry.match(matchers)]
        for labels in found:
            yield from labels


def _select(
    stream: Stream, matchers: Sequence[tuple[Matcher, Accepts]], after: int, until: int
) -> Iterator[Reading]:
    begin, end = bisect_right(stream.times, after), bisect_right(stream.times, until)
    if begin == end:
        return
    past = None
    for ids, labels in stream.registry.match(matchers):
        past = past or stream.past
        order = np.argsort(ids, kind="stable")
        sorted_labels = [labels[at] for at in order.tolist()]
        yield Reading(past, ids[order], sorted_labels, begin, end)
