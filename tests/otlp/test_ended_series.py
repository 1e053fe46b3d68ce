"""The ends of series: which are sent, when, and until they arrive."""

import time

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import DataPointFlags

from sidelight.app_metrics.families import AppFamily
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.otlp.ended_series import EndedSeries
from sidelight.store.schema import StoredFamily
from sidelight.store.service_info import ServiceInfo
from tests.export.otlp_service import data_of
from tests.live.otlp_receiver import points
from tests.store.pages import classic_values

ENDED = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
NOW = 1_800_000_000_000_000_000
MILLISECOND = 1_000_000
OPEN = StoredFamily("fastapi_active_requests", "gauge", ())
SLOW = StoredFamily("fastapi_slow_requests_total", "counter", ())
SIZES = StoredFamily("http_server_request_body_size_bytes", "histogram", (10.0,))
DURATIONS = StoredFamily("http_server_request_duration_seconds", "histogram", (0.1,), native=True)

A = SeriesKey(OPEN, ("/a",))
B = SeriesKey(OPEN, ("/b",))
COUNT = SeriesKey(SLOW, ("GET", "/a"))
SIZE = SeriesKey(SIZES, ("GET", "/a"))
DURATION = SeriesKey(DURATIONS, ("GET", "/a"))
Point = tuple[str, tuple[str, ...], int, bool]
"""A metric's name, the values of its attributes, milliseconds since ``NOW``, whether it ends."""


class Sender:
    """Encodes snapshots a second apart, with ends."""

    def __init__(self, *, exponential: bool = False) -> None:
        self.exponential = exponential
        self.series = EndedSeries()
        self.at = NOW

    def send(
        self, snapshot: Snapshot, *, arrives: bool = True, final: bool = False, **about: str
    ) -> ExportMetricsServiceRequest:
        service = ServiceInfo(**about) if about else None
        data = data_of(snapshot, self.at, service, exponential=self.exponential)
        request = encode_metrics(data)
        self.series.add_to(request, final=final)
        if arrives:
            self.series.note_arrival()
        self.at += 1000 * MILLISECOND
        return request


def snapshot(*keys: SeriesKey) -> Snapshot:
    """Each word of each series is 1."""
    stored = {key: (1,) * key.words for key in keys}
    sums = {key: classic_values(key.family, values) for key, values in stored.items()}
    return Snapshot(sums=sums, stored=stored, started=1)


def sent(request: ExportMetricsServiceRequest) -> list[Point]:
    """The points of a request, in its order."""
    return [
        (
            metric.name,
            tuple(pair.value.string_value for pair in point.attributes),
            (point.time_unix_nano - NOW) // MILLISECOND,
            point.flags == ENDED,
        )
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in points(metric)
    ]


ACTIVE = "fastapi.active_requests"


@pytest.fixture
def sender() -> Sender:
    return Sender()


def test_a_series_that_leaves_ends_once(sender: Sender) -> None:
    """Its end is dated just before the other values, comes first, and is sent once."""
    sender.send(snapshot(A, B))
    left = sent(sender.send(snapshot(A)))
    assert left == [(ACTIVE, ("/b",), 999, True), (ACTIVE, ("/a",), 1000, False)]
    assert sent(sender.send(snapshot(A))) == [(ACTIVE, ("/a",), 2000, False)]


def test_a_series_that_comes_back_can_end_again(sender: Sender) -> None:
    """It has a value again, and the next end."""
    for keys in ((A, B), (A,), (A, B)):
        sender.send(snapshot(*keys))
    assert sent(sender.send(snapshot(A)))[0] == (ACTIVE, ("/b",), 2999, True)


def test_an_end_that_does_not_arrive_is_sent_again(sender: Sender) -> None:
    """Until an export arrives, and also for what only a lost export had."""
    sender.send(snapshot(A, B))
    sender.send(snapshot(A), arrives=False)
    again = sent(sender.send(snapshot(), arrives=False))
    assert {(name, labels, ended) for name, labels, _, ended in again} == {
        (ACTIVE, ("/a",), True),
        (ACTIVE, ("/b",), True),
    }
    assert sorted(sent(sender.send(snapshot(COUNT))))[:2] == [
        (ACTIVE, ("/a",), 2999, True),
        (ACTIVE, ("/b",), 2999, True),
    ]
    assert sent(sender.send(snapshot(COUNT))) == [
        ("fastapi.slow_requests", ("GET", "/a"), 4000, False)
    ]


@pytest.mark.parametrize("exponential", [False, True])
def test_every_kind_of_metric_ends(exponential: bool) -> None:  # noqa: FBT001 a parameter
    """Counters and histograms too; the end keeps kind, unit, temporality and boundaries."""
    sender = Sender(exponential=exponential)
    (whole,) = sender.send(snapshot(A, COUNT, SIZE, DURATION)).resource_metrics
    (ends,) = sender.send(snapshot()).resource_metrics[:1]
    (before,), (after,) = whole.scope_metrics, ends.scope_metrics
    kinds = ["exponential_histogram" if exponential else "histogram", "gauge", "histogram", "sum"]
    assert [metric.WhichOneof("data") for metric in before.metrics] == kinds
    assert (ends.resource, after.scope) == (whole.resource, before.scope)
    for was, ended in zip(before.metrics, after.metrics, strict=True):
        (point,) = points(ended)
        assert point.flags == ENDED
        point.flags, point.time_unix_nano = 0, NOW
        assert ended == was


def test_exemplars_are_not_repeated(sender: Sender) -> None:
    """An end has no exemplar."""
    request = sender.send(snapshot(COUNT))
    points(request.resource_metrics[0].scope_metrics[0].metrics[0])[0].exemplars.add(as_double=1)
    (ends,) = sender.send(snapshot()).resource_metrics[:1]
    assert not points(ends.scope_metrics[0].metrics[0])[0].exemplars


def test_series_of_a_former_resource_end(sender: Sender) -> None:
    """With another name of the service all series are new ones, and the former ones end."""
    sender.send(snapshot(A), service_name="unknown")
    request = sender.send(snapshot(A), service_name="shop")
    names = [
        [pair.value.string_value for pair in each.resource.attributes if pair.key == "service.name"]
        for each in request.resource_metrics
    ]
    assert names == [["unknown"], ["shop"]]
    assert [ended for *_, ended in sent(request)] == [True, False]


def app_gauge(*labels: tuple[str, str]) -> Snapshot:
    family = AppFamily("orders", "gauge", "Orders.", "", "")
    family.samples["", labels] = 1.0
    return Snapshot(app_families={"orders": family}, started=1)


def test_the_order_of_labels_is_no_difference(sender: Sender) -> None:
    """A series of the application whose labels come in another order does not end."""
    sender.send(app_gauge(("a", "1"), ("b", "2")))
    assert [ended for *_, ended in sent(sender.send(app_gauge(("b", "2"), ("a", "1"))))] == [False]


def test_at_the_end_every_series_ends(sender: Sender) -> None:
    """The last values are sent, and a millisecond later they end; nothing is left then."""
    sender.send(snapshot(A, B))
    assert sender.series.any_left
    last = sent(sender.send(snapshot(A, COUNT), final=True))
    slow = "fastapi.slow_requests"
    assert last == [
        (ACTIVE, ("/b",), 999, True),
        (ACTIVE, ("/a",), 1000, False),
        (slow, ("GET", "/a"), 1000, False),
        (ACTIVE, ("/a",), 1001, True),
        (slow, ("GET", "/a"), 1001, True),
    ]
    assert not sender.series.any_left


def test_the_end_without_values(sender: Sender) -> None:
    """What was sent ends now, if there are no last values."""
    sender.send(snapshot(A))
    request = encode_metrics(data_of(Snapshot()))
    before = time.time_ns()
    sender.series.add_to(request, final=True)
    ((_, _, at, ended),) = sent(request)
    assert ended
    assert before - 2 * MILLISECOND <= NOW + at * MILLISECOND <= time.time_ns()


def test_an_export_of_nothing(sender: Sender) -> None:
    """A directory without a worker has no series that could end."""
    assert sent(sender.send(snapshot())) == sent(sender.send(snapshot(), final=True)) == []
    assert not sender.series.any_left
