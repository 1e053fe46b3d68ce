"""One scrape of a target: its page is read into one step of the history."""

from collections.abc import Mapping
from dataclasses import dataclass

from sidelight.embedded.history.exposition import (
    Exemplars,
    MetricMetadata,
    parse_sample,
    series_labels,
)
from sidelight.embedded.history.history import History
from sidelight.embedded.history.native_samples import native_samples
from sidelight.embedded.history.stream import SeriesStream
from sidelight.embedded.promql.float_histogram import (
    FloatHistogram,  # noqa: TC001 it says what an attribute is
)
from sidelight.export.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """The labels of a target: ``job``, ``instance``, and ``extra`` ones from the settings."""

    job: str
    instance: str
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """All labels of the target."""
        return {**dict(self.extra), "job": self.job, "instance": self.instance}


class Scrape:
    """The samples of one scrape, by id, read piece by piece. Do not run it on the event loop."""

    def __init__(self, history: History, stream: SeriesStream, target: Mapping[str, str]) -> None:
        self._history = history
        self._stream = stream
        self._target = dict(target)
        self._ids: list[int] = []
        self._values: list[bytes] = []
        self._exemplars: list[tuple[bytes, bytes]] = []
        self.samples: dict[int, float] = {}
        self.histograms: dict[int, FloatHistogram] = {}
        self.lines = 0
        self.added = 0

    def read(self, piece: bytes, metadata: MetricMetadata) -> None:
        """Read some whole lines of the page."""
        with self._history.lock:
            known = self._stream.index.ids
            before = len(known)
            for line in piece.split(b"\n"):
                key, _, value = line.rpartition(b" ")
                found = known.get(key)
                if found is None:
                    self._read_line(line, metadata)
                else:
                    self._ids.append(found)
                    self._values.append(value)
            self.added += len(known) - before
            self.samples.update(zip(self._ids, map(float, self._values), strict=True))
        self.lines += len(self._ids)
        self._ids, self._values = [], []

    def _read_line(self, line: bytes, metadata: MetricMetadata) -> None:
        """Read a comment, a sample of a new series, or a sample with an exemplar."""
        if line.startswith(b"#") or not line:
            metadata.read(line)
            return
        found = parse_sample(line)
        if found is None:
            return
        self.lines += 1
        number = self._identify(found.key)
        if number is None:
            return
        self.samples[number] = found.value
        if found.exemplar:
            self._exemplars.append((found.key, found.exemplar))

    def _identify(self, key: bytes) -> int | None:
        """The id of a series of the target; None if there is no memory for a new one."""
        return self._history.identify(self._stream, key, lambda: series_labels(key, self._target))

    def read_native(self, snapshot: Snapshot) -> None:
        """Add the native histograms of the snapshot that the page is of."""
        for key, histogram in native_samples(snapshot):
            with self._history.lock:
                before = len(self._stream.index.ids)
                number = self._identify(key)
                self.added += len(self._stream.index.ids) - before
            self.lines += 1
            if number is not None:
                self.histograms[number] = histogram

    def add_sample(self, name: str, value: float) -> None:
        """Add a sample about the scrape itself."""
        with self._history.lock:
            key = name.encode()
            number = self._history.identify(
                self._stream, key, lambda: {"__name__": name, **self._target}
            )
        if number is not None:
            self.samples[number] = value

    def store(self, time: int, exemplars: Exemplars) -> None:
        """Store the samples as one step of the history."""
        self._history.add(self._stream, time, self.samples, self.histograms)
        for key, text in self._exemplars:
            exemplars.add(key, text, series_labels(key, self._target), time)
