"""All streams, in bounded memory."""

import threading
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from sidelight.embedded.history.reading import Reading
from sidelight.embedded.history.stream import A_CHANGE, Stream
from sidelight.embedded.promql.source import Matcher

SEALED_FROM = 64
"""A stream is sealed when what waits is this part of all memory."""
AT_WORK = 8
"""One part in so many of all memory is for what is being read, packed and dropped."""
TEXT = 0.6
"""The part of memory that series may take without their samples."""


class Figures(NamedTuple):
    """Series it knows of, changes of value and bytes it holds, milliseconds it reaches back."""

    series: int = 0
    samples: int = 0
    size: int = 0
    span: int = 0


class History:
    """The samples of the last ``keep`` milliseconds, in ``memory`` bytes; the oldest go first.

    Some of the memory is left for the work of keeping the rest.

    One thread adds, others read: what they were given stays as it is.
    """

    def __init__(self, keep: int, memory: int) -> None:
        self.keep = keep
        self.memory = memory
        self.lock = threading.Lock()
        self.large = threading.Lock()
        """Held by the one query that selects many samples."""
        self.figures = Figures()
        self.left_out = 0
        """Samples of series for which there was no room."""
        self._streams: dict[Hashable, Stream] = {}

    def stream(self, key: Hashable) -> Stream:
        """The stream of this key; a new one for a new key."""
        with self.lock:
            return self._streams.setdefault(key, Stream())

    def identify(
        self, stream: Stream, key: bytes, labels: Callable[[], Mapping[str, str]]
    ) -> int | None:
        """The id of a series; None where there is no room for another. Hold the lock."""
        found = stream.registry.ids.get(key)
        if found is None and self._roomy():
            found = stream.registry.add(key, labels())
        if found is None:
            self.left_out += 1
        return found

    def elsewhere(self, stream: Stream, key: bytes) -> bool:
        """Whether a series of another stream has this key, and has not ended. Hold the lock."""
        if stream.lives(key):
            return False
        return any(one.lives(key) for one in self._streams.values() if one is not stream)

    def _roomy(self) -> bool:
        """Whether there is room for another series."""
        text = sum(one.registry.size for one in self._streams.values())
        return text < self.memory * TEXT

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
            self._tidy(time, stream)
            self.figures = self._counted()

    def _tidy(self, now: int, current: Stream) -> None:
        """Drop what is too old, and then the oldest until the rest fits.

        Only the stream whose step has just been added gives ids back: somebody may be about to
        use those of another.
        """
        for key, stream in list(self._streams.items()):
            if stream.times and stream.times[-1] < now - self.keep:
                del self._streams[key]
                continue
            with suppress(IndexError):
                while stream.oldest < now - self.keep:
                    self._drop(stream, current)
        while self.size > self.memory - self.memory // AT_WORK:
            oldest = self._oldest()
            if oldest is None:
                break
            self._drop(oldest, current)

    def _drop(self, stream: Stream, current: Stream) -> None:
        stream.drop()
        if stream is current:
            stream.reclaim()

    def _oldest(self) -> Stream | None:
        """The stream with the oldest chunk; None where there are only steps of now."""
        sealed = [one for one in self._streams.values() if one.chunks]
        if not sealed:
            fullest = max(self._streams.values(), key=lambda one: one.size)
            if len(fullest.times) < 2:  # noqa: PLR2004 its only step is what is now
                return None
            fullest.seal()
            return fullest
        return min(sealed, key=lambda one: one.oldest)

    def _counted(self) -> Figures:
        filled = [stream.times for stream in self._streams.values() if stream.times]
        return Figures(
            sum(len(stream.registry) for stream in self._streams.values()),
            sum(stream.samples for stream in self._streams.values()),
            self.size,
            max((times[-1] for times in filled), default=0)
            - min((times[0] for times in filled), default=0),
        )

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return sum(stream.size + 2000 for stream in self._streams.values())

    def select(self, matchers: Sequence[Matcher], after: int, until: int) -> list[Reading]:
        """What matches, with samples of ``after`` < time <= ``until``."""
        with self.lock:
            return [
                reading
                for stream in self._streams.values()
                for reading in _select(stream, matchers, after, until)
            ]

    def names(self, matchers: Sequence[Matcher]) -> set[str]:
        """Label names of all series that match, with or without samples at some time."""
        with self.lock:
            return {n for one in self._streams.values() for n in one.registry.names(matchers)}

    def values(self, name: str, matchers: Sequence[Matcher]) -> set[str]:
        """As above, the values of one label."""
        with self.lock:
            streams = self._streams.values()
            return {v for one in streams for v in one.registry.values(name, matchers)}

    def clear(self) -> None:
        """Drop all samples."""
        with self.lock:
            for stream in self._streams.values():
                stream.forget()


def _select(
    stream: Stream, matchers: Sequence[Matcher], after: int, until: int
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
