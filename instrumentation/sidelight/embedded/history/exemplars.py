"""The newest exemplars, each kept once."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from sys import getsizeof
from threading import Lock
from typing import NamedTuple

from sidelight.embedded.history.exposition import ParsedExemplar, parse_exemplar

MAX_EXEMPLARS = 4_000
EXEMPLAR_SIZE = 700
"""The bytes of an exemplar besides its text: two small dicts and their strings."""


class SeriesExemplar(NamedTuple):
    """An exemplar of a series; ``time`` in milliseconds."""

    series: Mapping[str, str]
    exemplar: ParsedExemplar
    time: int


class Exemplars:
    """Exemplars by series and text; the oldest are dropped first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, bytes], SeriesExemplar] = OrderedDict()
        self._lock = Lock()
        self.size = 0

    def add(self, key: bytes, text: bytes, series: Mapping[str, str], time: int) -> None:
        """Add an exemplar. A page repeats it while it is the newest of its series."""
        if (key, text) in self._kept:
            return
        found = parse_exemplar(text)
        if found is None:
            return
        when = time if found.seconds is None else round(found.seconds * 1000)
        with self._lock:
            self._kept[key, text] = SeriesExemplar(series, found, when)
            self.size += EXEMPLAR_SIZE + getsizeof(text)
            if len(self._kept) > MAX_EXEMPLARS:
                self._drop()

    def expire(self, before: int) -> None:
        """Drop the exemplars that are older, in the order in which they were added."""
        with self._lock:
            while self._kept and next(iter(self._kept.values())).time < before:
                self._drop()

    def _drop(self) -> None:
        (_, text), _ = self._kept.popitem(last=False)
        self.size -= EXEMPLAR_SIZE + getsizeof(text)

    def between(self, begin: int, end: int) -> Iterator[SeriesExemplar]:
        """Return the exemplars of this time range, both ends included."""
        with self._lock:
            found = list(self._kept.values())
        return (one for one in found if begin <= one.time <= end)
