"""All samples, in bounded memory; and the samples as one query reads them."""

import ctypes
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

import numpy as np

from sidelight.embedded.history.reader import LazyBlocks, SeriesReader
from sidelight.embedded.history.stream import CHANGE_SIZE, NO_HISTOGRAMS, SeriesStream
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.limits import TOO_MANY, QueryError, QueryLimits, execution_error
from sidelight.embedded.promql.storage import LabelMatcher, SampleBlock

SEAL_SHARE = 64
"""The steps of a stream become a chunk when they need this fraction (1/n) of the memory."""
WORK_SHARE = 8
"""This fraction (1/n) of the memory is left for reading, encoding and dropping samples."""
INDEX_SHARE = 0.6
"""The share of the memory that labels of series may take."""
MMAP_THRESHOLD = -3
THRESHOLD_BYTES = 64 * 1024
LARGE_QUERY = 1_000_000
"""A query that selects more samples than this runs alone among such queries."""


class HistoryStats(NamedTuple):
    """The number of series, of changed values and of bytes, and the span in milliseconds."""

    series: int = 0
    samples: int = 0
    size: int = 0
    span: int = 0


class History:
    """The samples of the last ``keep`` milliseconds, in ``memory`` bytes.

    The oldest samples are dropped first. One thread adds samples at a time, and other threads may
    read meanwhile: a snapshot that was read does not change.
    """

    def __init__(self, keep: int, memory: int) -> None:
        self.keep = keep
        self.memory = memory
        self.lock = threading.Lock()
        self.large = threading.Lock()
        """Held by the one query that selects many samples."""
        self.stats = HistoryStats()
        self.skipped = 0
        """Samples of series for which there was no memory."""
        self._streams: dict[Hashable, SeriesStream] = {}

    def stream(self, key: Hashable) -> SeriesStream:
        """Return the stream of this key; a new one for a new key."""
        with self.lock:
            return self._streams.setdefault(key, SeriesStream())

    def identify(
        self, stream: SeriesStream, key: bytes, labels: Callable[[], Mapping[str, str]]
    ) -> int | None:
        """Return the id of a series; None if there is no memory for a new one. Hold the lock."""
        found = stream.index.ids.get(key)
        if found is None and self._has_room():
            found = stream.index.add(key, labels())
        if found is None:
            self.skipped += 1
        return found

    def has_live_elsewhere(self, stream: SeriesStream, key: bytes) -> bool:
        """Return whether another stream has a series of this key that lives. Hold the lock."""
        if stream.has_live(key):
            return False
        return any(one.has_live(key) for one in self._streams.values() if one is not stream)

    def _has_room(self) -> bool:
        """Return whether there is memory for another series."""
        text = sum(one.index.size for one in self._streams.values())
        return text < self.memory * INDEX_SHARE

    def add(
        self,
        stream: SeriesStream,
        time: int,
        samples: Mapping[int, float],
        histograms: Mapping[int, FloatHistogram] = NO_HISTOGRAMS,
    ) -> None:
        """Add one step to a stream, by id. A step that is not later than the last is ignored."""
        ids = np.fromiter(samples, np.int32, len(samples))
        values = np.fromiter(samples.values(), np.float64, len(samples))
        with self.lock:
            if stream.times and time <= stream.times[-1]:
                return
            stream.add(time, ids, values, histograms)
            if stream.should_seal(self.memory // SEAL_SHARE // CHANGE_SIZE):
                stream.seal()
            self._drop_old(time, stream)
            self.stats = self._compute_stats()

    def _drop_old(self, now: int, current: SeriesStream) -> None:
        """Drop samples that are too old, then the oldest chunks until the rest fits.

        Only the current stream frees ids: another thread may be about to add a step to another
        stream with ids that it has already looked up.
        """
        for key, stream in list(self._streams.items()):
            if stream.times and stream.times[-1] < now - self.keep:
                del self._streams[key]
                continue
            with suppress(IndexError):
                while stream.oldest < now - self.keep:
                    self._drop(stream, current)
        while self.size > self.memory - self.memory // WORK_SHARE:
            oldest = self._oldest()
            if oldest is None:
                break
            self._drop(oldest, current)

    def _drop(self, stream: SeriesStream, current: SeriesStream) -> None:
        stream.drop()
        if stream is current:
            stream.reclaim()

    def _oldest(self) -> SeriesStream | None:
        """Return the stream with the oldest chunk; None if each stream has only its newest step."""
        sealed = [one for one in self._streams.values() if one.chunks]
        if not sealed:
            fullest = max(self._streams.values(), key=lambda one: one.size)
            if len(fullest.times) < 2:  # noqa: PLR2004 its only step is the newest
                return None
            fullest.seal()
            return fullest
        return min(sealed, key=lambda one: one.oldest)

    def _compute_stats(self) -> HistoryStats:
        filled = [stream.times for stream in self._streams.values() if stream.times]
        return HistoryStats(
            sum(len(stream.index) for stream in self._streams.values()),
            sum(stream.samples for stream in self._streams.values()),
            self.size,
            max((times[-1] for times in filled), default=0)
            - min((times[0] for times in filled), default=0),
        )

    @property
    def size(self) -> int:
        """The bytes that the samples and labels take."""
        return sum(stream.size + 2000 for stream in self._streams.values())

    def select(
        self, matchers: Sequence[LabelMatcher], after: int, until: int
    ) -> list[SeriesReader]:
        """Return the series that match, with samples of ``after`` < time <= ``until``."""
        with self.lock:
            return [
                reader
                for stream in self._streams.values()
                for reader in _select(stream, matchers, after, until)
            ]

    def overlaps(self, begin: int, end: int) -> bool:
        """Return whether the time range, both ends included, has any time of the samples."""
        with self.lock:
            filled = [one.times for one in self._streams.values() if one.times]
            begins = any(times[0] <= end for times in filled)
            return begins and any(times[-1] >= begin for times in filled)

    def names(self, matchers: Sequence[LabelMatcher]) -> set[str]:
        """Return the label names of all series that match."""
        with self.lock:
            return {n for one in self._streams.values() for n in one.index.names(matchers)}

    def values(self, name: str, matchers: Sequence[LabelMatcher]) -> set[str]:
        """Return the values of one label of all series that match."""
        with self.lock:
            streams = self._streams.values()
            return {v for one in streams for v in one.index.values(name, matchers)}

    def clear(self) -> None:
        """Drop all samples."""
        with self.lock:
            for stream in self._streams.values():
                stream.clear()


def _select(
    stream: SeriesStream, matchers: Sequence[LabelMatcher], after: int, until: int
) -> Iterator[SeriesReader]:
    begin, end = bisect_right(stream.times, after), bisect_right(stream.times, until)
    if begin >= end:
        return
    snapshot = None
    for ids, labels in stream.index.match(matchers):
        snapshot = snapshot or stream.snapshot
        order = np.argsort(ids, kind="stable")
        sorted_labels = [labels[at] for at in order.tolist()]
        yield SeriesReader(snapshot, ids[order], sorted_labels, begin, end)


def return_memory_early() -> None:
    """Make glibc return each large array to the system as soon as it is freed.

    By default glibc raises its threshold, up to 32 MiB, with each large array that is freed, and
    temporary arrays of a step then remain between arrays that are kept.
    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, THRESHOLD_BYTES)


class HistoryQuerier:
    """Selects samples for one query, within its limits.

    On exit from the context it releases the lock that a large query holds.
    """

    def __init__(self, history: History, limits: QueryLimits) -> None:
        self._history = history
        self._max_samples = limits.samples
        self._deadline = time.monotonic() + limits.seconds
        self._selected = 0
        self._large = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._large:
            self._history.large.release()

    def select(
        self, matchers: Sequence[LabelMatcher], after: int, until: int
    ) -> Sequence[SampleBlock]:
        """Return the series that match, with their samples of ``after`` < time <= ``until`` (ms).

        Blocks are made when they are read. Raises `QueryError` if the query selects too many
        samples, or if it does not get the lock for large queries in time.
        """
        readers = self._history.select(matchers, after, until)
        self._selected += sum(one.samples for one in readers)
        if self._selected > self._max_samples:
            raise execution_error(TOO_MANY)
        if self._selected > LARGE_QUERY and not self._large:
            self._large = self._history.large.acquire(
                timeout=max(0.0, self._deadline - time.monotonic())
            )
            if not self._large:
                raise QueryError("timeout", "query timed out in query queue")
        return LazyBlocks(readers)
