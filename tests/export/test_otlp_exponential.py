"""Durations as exponential histograms: each bucket has what lies in it by OpenTelemetry's index."""

from collections import Counter
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation

from sidelight.contract import DURATION, DURATION_BUCKETS, METRICS, NANOSECONDS
from sidelight.contract.native_buckets import BEYOND, FINEST, INDEXES, ZERO_THRESHOLD
from sidelight.export.otlp import metrics_data, resource
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.otlp.encoding import encode
from sidelight.otlp.names import otel_name
from sidelight.store.reader import StoredExemplar
from sidelight.store.schema import StoredFamily
from sidelight.store.service_info import ServiceInfo
from tests.export.otlp_service import data_of, page_of, service, snapshot_of, use
from tests.export.otlp_translation import by_specification, kind_of
from tests.live.otlp_receiver import points
from tests.store.driving import killed, shared
from tests.store.pages import Reader, classic_values
from tests.store.test_store_both_views import (
    DURATIONS,
    EDGES,
    NEAR,
    classic,
    filled,
    is_at_most,
    quiet,
)

pytestmark = pytest.mark.newest

NAME = otel_name(DURATION).name
CUMULATIVE = 2
NOW = 1_800_000_000_000_000_000
NATIVE = StoredFamily(DURATION.name, "histogram", (0.1,), native=True)
FINE = [ns for ns in NEAR if EDGES[0] < ns <= EDGES[FINEST - INDEXES[0]]]


def metrics(snapshot: Snapshot, *, exponential: bool = True) -> dict[str, Any]:
    """The metrics of a request, by name."""
    return by_name(encode(data_of(snapshot, NOW, exponential=exponential)))


def by_name(request: ExportMetricsServiceRequest) -> dict[str, Any]:
    (found,) = request.resource_metrics
    return {metric.name: metric for scope in found.scope_metrics for metric in scope.metrics}


def counts(point: Any) -> dict[int, int]:
    """The buckets of a point that are not empty, by index."""
    indexed = zip(count(point.positive.offset), point.positive.bucket_counts, strict=False)
    return {index: number for index, number in indexed if number}


def otlp_index(ns: int) -> int | None:
    """The bucket of a duration by the data model: (2^(i/8), 2^((i+1)/8)]; None for zero.

    Above 2^7 s that of the next power of two; above 2^15 s the one that begins there.
    """
    if is_at_most(ns, -13 * 8):
        return None
    if not is_at_most(ns, 15 * 8):
        return 15 * 8
    step = 1 if is_at_most(ns, 7 * 8) else 8
    ends = range(-13 * 8, 15 * 8 + 1, step)
    return next(end - 1 for end in ends if is_at_most(ns, end))


def both_views(where: Path, observed: list[int]) -> tuple[Any, Any]:
    """The exponential and the explicit point of a worker that measured these durations."""
    store = shared(where)
    file = filled(store, DURATION_BUCKETS, observed)
    snapshot = Reader(store).snapshot()
    found = [metrics(snapshot, exponential=wanted)[NAME] for wanted in (True, False)]
    killed(file)
    store.close()
    (exponential,), (explicit,) = map(points, found)
    return exponential, explicit


@pytest.mark.parametrize("by", [-1, 0, 1])
def test_a_boundary_is_in_the_bucket_that_it_ends(tmp_path: Path, by: int) -> None:
    """Each boundary and the nanosecond before are in its bucket, the one after in the next."""
    point, _ = both_views(tmp_path, [edge + by for edge in EDGES])
    ends = INDEXES[1:] if by <= 0 else (*INDEXES[1:], BEYOND)
    assert point.zero_count == (1 if by <= 0 else 0)
    assert counts(point) == dict.fromkeys([end - 1 for end in ends], 1)
    assert (point.count, len(ends) + point.zero_count) == (len(EDGES), len(EDGES))


@quiet
@given(DURATIONS)
@example(NEAR)
@example([])
def test_every_bucket_has_what_lies_in_it(
    tmp_path_factory: pytest.TempPathFactory, observed: list[int]
) -> None:
    """Whatever the durations, buckets, count and sum are those of a count by definition."""
    point, explicit = both_views(tmp_path_factory.mktemp("views"), observed)
    expected = Counter(map(otlp_index, observed))
    zero = expected.pop(None, 0)
    assert (point.zero_count, counts(point)) == (zero, dict(expected))
    total, *classic_counts = classic(DURATION_BUCKETS, observed)
    assert list(explicit.bucket_counts) == classic_counts
    assert point.count == explicit.count == len(observed)
    assert point.sum == explicit.sum == total / NANOSECONDS


def by_the_sdk(seconds: Iterable[float]) -> Any:
    """The point that OpenTelemetry's own aggregation makes of these values at scale 3."""
    aggregation = ExponentialBucketHistogramAggregation(max_size=200, max_scale=3)
    reader = InMemoryMetricReader(preferred_aggregation={Histogram: aggregation})
    provider = MeterProvider([reader], shutdown_on_exit=False)
    instrument = provider.get_meter("test").create_histogram(NAME, "s")
    for each in seconds:
        instrument.record(each)
    data = reader.get_metrics_data()
    assert data is not None
    (point,) = points(by_name(encode_metrics(data))[NAME])
    provider.shutdown()
    return point


@quiet
@given(some.lists(some.integers(FINE[0], FINE[-1]), min_size=1, max_size=60))
@example(FINE)
def test_the_sdk_has_the_same_buckets(
    tmp_path_factory: pytest.TempPathFactory, observed: list[int]
) -> None:
    """Between 2^-13 s and 2^7 s the SDK's own histogram of scale 3 has the same counts."""
    point, _ = both_views(tmp_path_factory.mktemp("sdk"), observed)
    other = by_the_sdk(ns / NANOSECONDS for ns in observed)
    assert (point.scale, point.count, point.zero_count) == (other.scale, other.count, 0)
    assert counts(point) == counts(other)
    assert point.sum == pytest.approx(other.sum)


def test_what_else_a_point_has() -> None:
    """Scale 3, the zero bucket's threshold, cumulative, and neither minimum nor maximum."""
    key = SeriesKey(NATIVE, ("GET", "/x", "200"))
    values = (3 * NANOSECONDS, *([1] * (NATIVE.values - 1)))
    snapshot = Snapshot({key: classic_values(NATIVE, values)}, {key: values}, started=1)
    metric = metrics(snapshot)[NAME]
    (point,) = points(metric)
    assert metric.exponential_histogram.aggregation_temporality == CUMULATIVE
    assert (point.scale, point.zero_count, point.zero_threshold) == (3, 1, ZERO_THRESHOLD)
    assert (point.count, point.sum) == (NATIVE.values - 1, 3.0)
    assert not any(map(point.HasField, ("min", "max")))
    assert list(point.negative.bucket_counts) == []
    assert len(point.positive.bucket_counts) == BEYOND - INDEXES[0]


def test_a_series_at_zero_has_no_buckets() -> None:
    """A series that was not used yet has the count 0."""
    key = SeriesKey(NATIVE, ("GET", "/x", "200"))
    (point,) = points(metrics(Snapshot({key: (0, 0, 0)}, started=1))[NAME])
    assert (point.count, point.sum, point.zero_count, counts(point)) == (0, 0.0, 0, {})


def test_counts_that_are_too_large() -> None:
    """Counts of a damaged file become the largest that there is."""
    key = SeriesKey(NATIVE, ("GET", "/x", "200"))
    values = (1, *([1 << 64] * (NATIVE.values - 1)))
    snapshot = Snapshot({key: classic_values(NATIVE, values)}, {key: values}, started=1)
    (point,) = points(metrics(snapshot)[NAME])
    assert {point.count, point.zero_count, *counts(point).values()} == {(1 << 64) - 1}


def test_only_durations_are_exponential() -> None:
    """Of a used service each histogram of durations is, with the page's counts; others are not."""
    app = service()
    use(app)
    snapshot = snapshot_of(app)
    page = page_of(snapshot)
    found, before = metrics(snapshot), metrics(snapshot, exponential=False)
    assert found.keys() == before.keys()
    exponential = {otel_name(m).name: m for m in METRICS.values() if m.scale == "duration"}
    assert NAME in exponential
    for name, metric in found.items():
        if name in exponential:
            assert kind_of(metric)[0] == "exponential_histogram"
            total = sum(point.count for point in points(metric))
            assert total == page.value(f"{exponential[name].name}_count")
            translated = by_specification(metric.name, metric.unit, "exponential_histogram")
            assert translated == exponential[name].name
        else:
            assert metric == before[name]
    assert page.value(f"{DURATION.name}_count") == 6


def test_exemplars_stay() -> None:
    """A point has the exemplars of all buckets of its series."""
    key = SeriesKey(NATIVE, ("GET", "/x", "200"))
    stored = [StoredExemplar(0, at, "1" * 32, "2" * 16, at + 0.05, 7.0) for at in (0, 1)]
    values = (1, *([1] * (NATIVE.values - 1)))
    snapshot = Snapshot(
        {key: classic_values(NATIVE, values)},
        {key: values},
        {(key, one.bucket): one for one in stored},
        started=1,
    )
    (point,) = points(metrics(snapshot)[NAME])
    assert [each.as_double for each in point.exemplars] == [0.05, 1.05]


@pytest.mark.parametrize("exponential", [True, False])
@pytest.mark.parametrize(("created", "start"), [({}, 5), ({0: 7}, 7), ({0: 3}, 3), ({0: 99}, 10)])
def test_a_series_starts_with_its_first_value(
    created: dict[int, int],
    start: int,
    exponential: bool,  # noqa: FBT001 a parameter
) -> None:
    """Where that is known; else with the directory. No series starts after its values."""
    keys = [
        SeriesKey(NATIVE, ("GET", "/x", "200")),
        SeriesKey(StoredFamily("fastapi_slow_requests_total", "counter", ()), ("GET", "/x")),
    ]
    snapshot = Snapshot(
        {keys[0]: (0, 0, 0), keys[1]: (1,)},
        started=5,
        created={key: at for key in keys for at in created.values()},
    )
    about = resource(ServiceInfo(service_name="shop"))
    found = by_name(encode(metrics_data(snapshot, about, 10, exponential=exponential)))
    starts = [point.start_time_unix_nano for metric in found.values() for point in points(metric)]
    assert starts == [start, start]
