"""One page read into one step."""

from collections.abc import Mapping

from sidelight.embedded.history.exemplars import Exemplars
from sidelight.embedded.history.exposition import labels_of, sample
from sidelight.embedded.history.families import Families
from sidelight.embedded.history.history import History
from sidelight.embedded.history.stream import Stream


class Page:
    """The samples of one step of a target, by id, read piece by piece. Not for the event loop."""

    def __init__(self, history: History, stream: Stream, target: Mapping[str, str]) -> None:
        self._history = history
        self._stream = stream
        self._target = dict(target)
        self._ids: list[int] = []
        self._values: list[bytes] = []
        self._traced: list[tuple[bytes, bytes]] = []
        self.samples: dict[int, float] = {}
        self.lines = 0
        self.added = 0

    def read(self, piece: bytes, families: Families) -> None:
        """Whole lines of the page."""
        with self._history.lock:
            known = self._stream.registry.ids
            before = len(known)
            for line in piece.split(b"\n"):
                key, _, value = line.rpartition(b" ")
                found = known.get(key)
                if found is None:
                    self._strange(line, families)
                else:
                    self._ids.append(found)
                    self._values.append(value)
            self.added += len(known) - before
            self.samples.update(zip(self._ids, map(float, self._values), strict=True))
        self.lines += len(self._ids)
        self._ids, self._values = [], []

    def _strange(self, line: bytes, families: Families) -> None:
        """A comment, a series that is new, or a sample with an exemplar."""
        if line.startswith(b"#") or not line:
            families.read(line)
            return
        found = sample(line)
        if found is None:
            return
        self.lines += 1
        number = self._stream.registry.ids.get(found.key)
        if number is None:
            number = self._history.identify(
                self._stream, found.key, lambda: labels_of(found.key, self._target)
            )
        if number is None:
            return
        self.samples[number] = found.value
        if found.traced:
            self._traced.append((found.key, found.traced))

    def own(self, name: str, value: float) -> None:
        """A sample about the scrape itself."""
        with self._history.lock:
            key = name.encode()
            number = self._history.identify(
                self._stream, key, lambda: {"__name__": name, **self._target}
            )
        if number is not None:
            self.samples[number] = value

    def add(self, time: int, exemplars: Exemplars) -> None:
        """Put the step into the history."""
        self._history.add(self._stream, time, self.samples)
        for key, traced in self._traced:
            exemplars.add(key, traced, labels_of(key, self._target), time)
