"""A history that a test fills, and its samples."""

from collections.abc import Iterable, Mapping

import numpy as np

from sidelight.embedded.history.exposition import Exemplars, MetricMetadata
from sidelight.embedded.history.history import History
from sidelight.embedded.history.scrape import Scrape, ScrapeTarget
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.storage import ABSENT_BITS, STALE_BITS, LabelMatcher, SampleBlock

TARGET = ScrapeTarget("shop", "127.0.0.1:9464")
ENDED = "ended"
MIB = 1 << 20
Points = dict[int, float | str | FloatHistogram]


class ScrapedTarget:
    """A target that is scraped at times of a test."""

    def __init__(self, history: History, target: ScrapeTarget = TARGET) -> None:
        self.history = history
        self.metadata = MetricMetadata()
        self.exemplars = Exemplars()
        self._target = target

    def step(self, seconds: float, *pieces: str | bytes) -> Scrape:
        """Scrape a page at a time of the test."""
        stream = self.history.stream(self._target)
        found = Scrape(self.history, stream, self._target.labels)
        for piece in pieces:
            found.read(piece.encode() if isinstance(piece, str) else piece, self.metadata)
        found.store(round(seconds * 1000), self.exemplars)
        return found


def lines(samples: Mapping[str, float]) -> str:
    """Return a page of these samples."""
    return "".join(f"{key} {value!r}\n" for key, value in samples.items())


def stored_samples(
    history: History, after: float = -1, until: float = 1e9, matchers: Iterable[LabelMatcher] = ()
) -> dict[str, Points]:
    """Return samples by series, without the target's labels, and by second."""
    series: dict[str, Points] = {}
    chosen = history.select(list(matchers), round(after * 1000), round(until * 1000))
    for reader in chosen:
        for number in range(reader.block_count):
            block = reader.block(number)
            for row, labels in enumerate(block.labels):
                assert labels["job"] == "shop"
                series.setdefault(shown(labels), {}).update(_points(block, row))
    return series


def _points(block: SampleBlock, row: int) -> Points:
    cells = zip(block.values.view(np.int64)[row].tolist(), block.values[row].tolist(), strict=True)
    found: Points = {
        time // 1000: ENDED if bits == STALE_BITS else value
        for time, (bits, value) in zip(block.times.tolist(), cells, strict=True)
        if bits != ABSENT_BITS
    }
    if block.histograms is not None:
        pairs = zip(block.times.tolist(), block.histograms[row].tolist(), strict=True)
        found |= {time // 1000: one for time, one in pairs if one is not None}
    return found


def shown(labels: Mapping[str, str]) -> str:
    """Return a series in PromQL's notation."""
    own = sorted((n, v) for n, v in labels.items() if n not in {"__name__", "job", "instance"})
    inside = ",".join(f'{name}="{value}"' for name, value in own)
    return labels["__name__"] + (f"{{{inside}}}" if inside else "")
