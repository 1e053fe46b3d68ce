"""The newest exemplars, each kept once."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from sys import getsizeof
from threading import Lock
from typing import NamedTuple

from sidelight.embedded.history.exposition import Exemplar, exemplar

MOST = 4_000
A_RECORD = 700
"""Bytes of one, besides its text: two small dicts and their strings."""


class Kept(NamedTuple):
    """An exemplar of a series; ``time`` in milliseconds."""

    series: Mapping[str, str]
    found: Exemplar
    time: int


class Exemplars:
    """By series and text; the oldest go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, bytes], Kept] = OrderedDict()
        self._lock = Lock()
        self.size = 0

    def add(self, key: bytes, traced: bytes, series: Mapping[str, str], time: int) -> None:
        """One that a page showed; again and again as long as it is the newest of its series."""
        if (key, traced) in self._kept:
            return
        found = exemplar(traced)
        if found is None:
            return
        when = time if found.seconds is None else round(found.seconds * 1000)
        with self._lock:
            self._kept[key, traced] = Kept(series, found, when)
            self.size += A_RECORD + getsizeof(traced)
            if len(self._kept) > MOST:
                self._drop()

    def expire(self, before: int) -> None:
        """Drop what was added first, as long as it is older."""
        with self._lock:
            while self._kept and next(iter(self._kept.values())).time < before:
                self._drop()

    def _drop(self) -> None:
        (_, traced), _ = self._kept.popitem(last=False)
        self.size -= A_RECORD + getsizeof(traced)

    def between(self, begin: int, end: int) -> Iterator[Kept]:
        """Those of these times, both ends included."""
        with self._lock:
            found = list(self._kept.values())
        return (one for one in found if begin <= one.time <= end)
