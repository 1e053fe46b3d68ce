"""With the setting, the history has durations as native histograms too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from sidelight.contract import DURATION, METRICS, NANOSECONDS
from sidelight.embedded.history.history import History
from sidelight.embedded.history.scrape_loop import HistorySampler
from sidelight.embedded.promql.float_histogram import FloatHistogram, listed_buckets
from sidelight.export.snapshot import Snapshot
from sidelight.store.service_info import ServiceInfo
from sidelight.store.writer import WorkerFile
from tests.embedded.history.filled_history import MIB, TARGET, stored_samples
from tests.store.driving import LABELS, SCHEMA, killed, shared
from tests.store.pages import Reader
from tests.store.test_store_both_views import EDGES, expected

SIZE = METRICS["http_server_response_body_size_bytes"]
OBSERVED = [1, *EDGES[40:60], *(edge + 1 for edge in EDGES[50:55]), 99_000_000, 101_000_000, 10**14]
LABELLED = (
    '{http_request_method="GET",http_response_status_code="200",http_route="/items",'
    'url_scheme="http"}'
)
NATIVE = DURATION.name + LABELLED
COUNTED = "scrape_samples_scraped", "scrape_samples_post_metric_relabeling", "scrape_series_added"
Samples = dict[str, Any]


class WorkerSource:
    """Snapshots of a directory with one worker, in which a test counts."""

    service = ServiceInfo()

    def __init__(self, where: Path) -> None:
        self.directory = shared(where)
        self.file = WorkerFile(self.directory, SCHEMA, 100)
        self._reader = Reader(self.directory)

    async def snapshot(self) -> Snapshot:
        return self._reader.snapshot(merge=False)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[WorkerSource]:
    found = WorkerSource(tmp_path / "store")
    yield found
    killed(found.file)
    found.directory.close()


def sampled(source: WorkerSource, memory: int = 64 * MIB, *, native: bool) -> Samples:
    """The samples of one scrape, but for how long things took and how old they are."""
    history = History(3_600_000, memory)
    anyio.run(HistorySampler(source, history, 1.0, TARGET, native=native).sample)
    found = stored_samples(history, until=1e10)
    kept = (name for name in found if "scrape_duration" not in name and "_age_" not in name)
    return {name: next(iter(found[name].values())) for name in kept}


def test_the_histogram_is_the_stored_one(source: WorkerSource) -> None:
    """Its buckets are those of the requests by definition, its count and sum the classic ones."""
    for ns in OBSERVED:
        source.file.observe(DURATION, LABELS, ns)
    found = sampled(source, native=True)
    zero_count, buckets = expected(OBSERVED)
    total, seconds = len(OBSERVED), sum(OBSERVED) / NANOSECONDS
    wanted = FloatHistogram(3, total, seconds, 2.0**-13, zero_count, listed_buckets(buckets))
    histogram = found[NATIVE]
    assert isinstance(histogram, FloatHistogram)
    assert histogram.same(wanted)
    assert histogram.hint == "unknown"
    assert found[f"{DURATION.name}_count{LABELLED}"] == total
    assert found[f"{DURATION.name}_sum{LABELLED}"] == seconds


def test_all_else_is_as_without(source: WorkerSource) -> None:
    """It is one sample more, which the samples about a scrape count; sizes have none."""
    source.file.observe(DURATION, LABELS, 5)
    source.file.observe(SIZE, LABELS[:2], 5)
    plain, both = (sampled(source, native=native) for native in (False, True))
    assert isinstance(both.pop(NATIVE), FloatHistogram)
    counted = dict.fromkeys(COUNTED, plain[COUNTED[0]])
    assert {name: plain[name] for name in COUNTED} == counted
    assert both == plain | {name: value + 1 for name, value in counted.items()}


def test_any_count_of_a_file_is_kept(source: WorkerSource) -> None:
    """A file that anybody may have made can have the largest counts: they are only large."""
    at, words = source.file.series(DURATION, LABELS), SCHEMA[0].values
    for word in range(at, at + words):
        source.file.words[word] = 2**64 - 1
    found = sampled(source, native=True)[NATIVE]
    assert isinstance(found, FloatHistogram)
    assert found.count == float((words - 1) * (2**64 - 1))
    assert found.sum == (2**64 - 1) / NANOSECONDS
    assert found.positive.counts.max() >= 2.0**64


def test_without_memory_it_is_left_out(source: WorkerSource) -> None:
    """Where there is no memory for its series, the sample is counted as skipped."""
    source.file.observe(DURATION, LABELS, 5)
    history = History(3_600_000, 0)
    anyio.run(HistorySampler(source, history, 1.0, TARGET, native=True).sample)
    with_native = history.skipped
    history = History(3_600_000, 0)
    anyio.run(HistorySampler(source, history, 1.0, TARGET).sample)
    assert with_native == history.skipped + 1
