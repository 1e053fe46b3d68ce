"""Native buckets on the protobuf page, with the setting and without."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sidelight.contract import DURATION, DURATION_BUCKETS, METRICS, NANOSECONDS
from sidelight.export import protobuf
from sidelight.export.snapshot import Snapshot
from sidelight.store.directory import Directory
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from tests.asgi.driver import call
from tests.export import accept_headers
from tests.export.protobuf_page import families
from tests.export.test_page import service
from tests.store.driving import LABELS, killed, shared
from tests.store.pages import Reader
from tests.store.test_store_both_views import EDGES, expected

SIZE = METRICS["http_server_response_body_size_bytes"]
OBSERVED = [1, *EDGES[40:60], *(edge + 1 for edge in EDGES[50:55]), 99_000_000, 101_000_000, 10**14]


@pytest.fixture
def where(tmp_path: Path) -> Any:
    found = shared(tmp_path / "store")
    yield found
    found.close()


def decoded(snapshot: Snapshot, name: str, *, native: bool) -> Any:
    """The one histogram of a family on the page."""
    page = families(b"".join(protobuf.render(snapshot, native=native)))
    (metric,) = next(family for family in page if family.name == name).metric
    return metric.histogram


def counts(histogram: Any) -> dict[int, int]:
    """Native buckets by their index, as Prometheus reads spans and deltas."""
    found, index, count = {}, 0, 0
    deltas = iter(histogram.positive_delta)
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            found[index] = count
            index += 1
    assert list(deltas) == []
    return found


def test_native_buckets_are_those_of_the_store(where: Directory) -> None:
    """Spans and deltas have each bucket's count, beside the classic ones."""
    file = WorkerFile(where, schema(DURATION_BUCKETS), 100)
    for ns in OBSERVED:
        file.observe(DURATION, LABELS, ns)
    file.observe(SIZE, LABELS[:2], 5)
    snapshot = Reader(where).snapshot()
    found = decoded(snapshot, DURATION.name, native=True)
    wanted = expected(OBSERVED)
    assert (found.schema, found.zero_threshold, found.zero_count) == (3, 2.0**-13, 1)
    assert counts(found) == dict(wanted.buckets)
    spans = [(span.offset, span.length) for span in found.positive_span]
    assert spans == [(-64, 20), (18, 1), (146, 1)]
    assert Counter(counts(found)).total() + found.zero_count == len(OBSERVED)
    assert (found.sample_count, found.sample_sum) == (len(OBSERVED), sum(OBSERVED) / NANOSECONDS)
    plain = decoded(snapshot, DURATION.name, native=False)
    assert [*found.bucket] == [*plain.bucket]
    assert not plain.positive_span
    assert (plain.schema, plain.zero_threshold) == (0, 0)
    assert not decoded(snapshot, SIZE.name, native=True).positive_span
    killed(file)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_setting_adds_them_to_every_series(wanted: bool) -> None:  # noqa: FBT001 a parameter
    """A series at zero is a native histogram as well, and only with the setting."""
    app = service(native_histograms=wanted)
    assert call(app, "GET", "/items/1").status == 200
    answer = call(app, "GET", "/metrics", headers={"accept": accept_headers.PROTOBUF})
    (family,) = [each for each in families(answer.body) if each.name == DURATION.name]
    histograms = {metric.histogram.sample_count: metric.histogram for metric in family.metric}
    assert set(histograms) == {0, 1}
    assert {bool(each.positive_span) for each in histograms.values()} == {wanted}
    assert {each.schema for each in histograms.values()} == ({3} if wanted else {0})
    assert counts(histograms[0]) == {}
