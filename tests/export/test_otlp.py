"""What arrives at a collector is what the page of the same snapshot shows."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sidelight import SidelightMiddleware
from sidelight.contract import METRICS
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.otlp.exporter import OtlpExporter
from sidelight.otlp.names import CONVENTIONS, otel_name
from sidelight.otlp.names import attributes as otel_attributes
from sidelight.store.reader import StoredExemplar
from sidelight.store.schema import StoredFamily
from sidelight.store.service_info import ServiceInfo
from tests.asgi.driver import call
from tests.export.otlp_service import data_of, filled, page_of, service, snapshot_of, use
from tests.export.otlp_translation import kind_of, samples
from tests.live.otlp_receiver import Received, Receiver, attributes, points

DURATION = "http_server_request_duration_seconds"
ROUTES = StoredFamily("fastapi_active_requests", "gauge", ())
CUMULATIVE = 2
Send = Callable[..., Received]


@pytest.fixture
def send() -> Iterator[Send]:
    """Send a snapshot through the exporter to a real receiver; what it got."""
    with Receiver() as receiver:
        exporter = OtlpExporter(receiver.url)

        def sent(snapshot: Snapshot, **more: Any) -> Received:
            exporter.offer(data_of(snapshot, **more))
            receiver.wait(arrived=len(receiver.arrived) + 1)
            return receiver.arrived[-1]

        yield sent
        exporter.close()


@pytest.fixture(scope="module")
def used() -> Snapshot:
    """A service that was used, and a series of each metric that it has none of."""
    app = service()
    use(app)
    return filled(snapshot_of(app))


def expected(snapshot: Snapshot) -> dict[Any, float]:
    """The page's samples; an empty label is none in Prometheus, and the target is elsewhere.

    What is a sum and a count on the page arrives as a histogram whose one bucket is everything.
    """
    found = {
        (name, frozenset(pair for pair in labels if pair[1])): value
        for (name, labels), value in page_of(snapshot).samples.items()
        if name != "target_info"
    }
    for metric in METRICS.values():
        if metric.kind == "summary":
            for (name, labels), value in list(found.items()):
                if name == f"{metric.name}_count":
                    found[f"{metric.name}_bucket", labels | {("le", "+Inf")}] = value
    return found


def test_every_sample_of_the_page_arrives(send: Send, used: Snapshot) -> None:
    """Translated back, the collector has exactly the page's samples, values to the last bit."""
    found = samples(send(used).metrics.values())
    page = expected(used)
    assert found.keys() == page.keys()
    assert {key: repr(float(value)) for key, value in found.items()} == {
        key: repr(value) for key, value in page.items()
    }


def test_a_real_service_alone(send: Send) -> None:
    """So it is of a service's own snapshot, with nothing put in by the test."""
    app = service()
    use(app)
    snapshot = snapshot_of(app)
    found = samples(send(snapshot).metrics.values())
    assert found == expected(snapshot)
    count = [value for (name, _), value in found.items() if name == f"{DURATION}_count"]
    assert sum(count) == 6


def test_kinds_units_descriptions_and_times(send: Send, used: Snapshot) -> None:
    """Each metric has its kind, unit and help; sums are cumulative, each from its own start."""
    now = time.time_ns()
    starts = {
        (otel_name(metric).name, frozenset(otel_attributes(metric.labels, key.labels).items())): (
            used.created.get(key, used.started)
        )
        for key in used.sums
        for metric in [METRICS[key.family.name]]
    }
    assert len({*used.created.values()}) > 1
    assert min(starts.values()) == used.started > 1.7e18
    received = send(used, now_ns=now).metrics
    assert len(received) == len(METRICS) - 1
    for metric in METRICS.values():
        if metric.name == "target_info":
            continue
        name, unit, up_down = otel_name(metric)
        found = received[name]
        sums = "sum", not up_down
        distribution = "histogram", False
        kinds = {"histogram": distribution, "summary": distribution, "counter": sums}
        assert kind_of(found) == kinds.get(
            metric.kind, ("sum", False) if up_down else ("gauge", False)
        )
        assert (found.unit, found.description) == (unit, metric.help)
        for point in points(found):
            assert point.time_unix_nano == now
            if found.WhichOneof("data") != "gauge":
                series = found.name, frozenset(attributes(point).items())
                assert point.start_time_unix_nano == starts[series]
                data = getattr(found, found.WhichOneof("data"))
                assert data.aggregation_temporality == CUMULATIVE


def test_up_down_counters_of_the_conventions(send: Send, used: Snapshot) -> None:
    """What the conventions call an UpDownCounter is a sum that may fall."""
    received = send(used).metrics
    assert kind_of(received["http.server.active_requests"]) == ("sum", False)
    assert kind_of(received["fastapi.active_requests"]) == ("gauge", False)
    assert all(
        METRICS[n].kind == "gauge" for n in CONVENTIONS if n in METRICS and CONVENTIONS[n].up_down
    )


def test_buckets_are_not_cumulative(send: Send, used: Snapshot) -> None:
    """A histogram has one count a bucket, one more than boundaries, without minimum or maximum."""
    received = points(send(used).metrics["http.server.request.duration"])
    assert sum(point.count for point in received) > 0
    for point in received:
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
        assert point.count == sum(point.bucket_counts)
        assert not point.HasField("min")
        assert not point.HasField("max")


def test_a_histogram_of_sum_and_count_alone(send: Send) -> None:
    """Without boundaries there is one bucket, which has every observation."""
    snapshot = Snapshot(started=1)
    snapshot.sums[
        SeriesKey(
            StoredFamily("fastapi_background_task_duration_seconds", "histogram", ()), ("/x",)
        )
    ] = (
        3,
        2,
    )
    (point,) = points(send(snapshot).metrics["fastapi.background_task_duration"])
    assert (list(point.explicit_bounds), list(point.bucket_counts), point.sum) == ([], [2], 3e-9)


def test_status_codes_are_numbers(send: Send, used: Snapshot) -> None:
    """A status code is a whole number on the wire, and an unmatched request has no route."""
    found = [attributes(p) for p in points(send(used).metrics["http.server.request.duration"])]
    assert {type(each["http.response.status_code"]) for each in found} == {int}
    (unmatched,) = [each for each in found if each["http.response.status_code"] == 404]
    assert unmatched.keys() == {
        "http.request.method",
        "http.response.status_code",
        "url.scheme",
    }


def test_one_resource_one_scope(send: Send, used: Snapshot) -> None:
    """The service is the resource, Sidelight and its version the scope, and no metric."""
    received = send(used, about=ServiceInfo("shop", "7", "an id"))
    assert received.path == "/v1/metrics"
    assert received.headers["content-type"] == "application/x-protobuf"
    resource = received.resource
    names = "service.name", "service.version", "service.instance.id"
    assert [resource[name] for name in names] == ["shop", "7", "an id"]
    (scope,) = received.request.resource_metrics[0].scope_metrics
    assert scope.scope.name == "sidelight"
    assert scope.scope.version
    assert "target.info" not in received.metrics


def test_the_resource_of_the_environment(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_RESOURCE_ATTRIBUTES yield to OTEL_SERVICE_NAME, and both to the given service."""
    monkeypatch.setenv(
        "OTEL_RESOURCE_ATTRIBUTES", "service.name=a,service.version=1,k8s.pod.name=b%20c"
    )
    snapshot = Snapshot(started=1)
    told = send(snapshot, about=ServiceInfo(service_name="told", service_instance_id="x")).resource
    assert (told["service.name"], told["service.version"]) == ("told", "1")
    assert (told["k8s.pod.name"], told["service.instance.id"]) == ("b c", "x")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "named")
    assert send(snapshot, about=ServiceInfo()).resource["service.name"] == "named"
    monkeypatch.delenv("OTEL_SERVICE_NAME")
    monkeypatch.delenv("OTEL_RESOURCE_ATTRIBUTES")
    assert (
        send(snapshot, about=ServiceInfo()).resource["service.name"].startswith("unknown_service")
    )


def test_cumulative_whatever_is_preferred(monkeypatch: pytest.MonkeyPatch, used: Snapshot) -> None:
    """A preference for delta changes nothing: the sums are the workers' own."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    with Receiver() as receiver:
        exporter = OtlpExporter(receiver.url)
        for _ in range(2):
            exporter.offer(data_of(used))
            receiver.wait(arrived=len(receiver.arrived) + 1)
        exporter.close()
    first, second = (samples(received.metrics.values()) for received in receiver.arrived)
    assert first == second
    slow = receiver.arrived[1].metrics["fastapi.slow_requests"]
    assert slow.sum.aggregation_temporality == CUMULATIVE


def test_exemplars(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request in a recording span is an exemplar: trace, span, value in seconds, time."""
    provider = TracerProvider()
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    inner = Starlette(routes=[Route("/items/{x}", lambda _: PlainTextResponse("x"))])
    app = SidelightMiddleware(inner, slow_request_threshold=1e-9)
    began = time.time_ns()
    with provider.get_tracer("test").start_as_current_span("request") as span:
        call(app, "GET", "/items/1")
        context = span.get_span_context()
    received = send(snapshot_of(app)).metrics
    provider.shutdown()
    for name in ("http.server.request.duration", "fastapi.slow_requests"):
        ((exemplar,),) = [p.exemplars for p in points(received[name]) if p.exemplars]
        assert exemplar.trace_id == context.trace_id.to_bytes(16, "big")
        assert exemplar.span_id == context.span_id.to_bytes(8, "big")
        assert began - 1e6 <= exemplar.time_unix_nano <= time.time_ns()
        assert 0 < exemplar.as_double < 10


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0, 1e300])
def test_an_exemplar_of_no_time(send: Send, seconds: float) -> None:
    """An exemplar with a time that can't be one costs itself, and nothing else."""
    key = SeriesKey(StoredFamily("fastapi_slow_requests_total", "counter", ()), ("GET", "/x"))
    trace = StoredExemplar(0, 0, "0" * 31 + "1", "0" * 15 + "1", 1.0, seconds)
    snapshot = Snapshot(sums={key: (3,)}, exemplars={(key, 0): trace}, started=1)
    (point,) = points(send(snapshot).metrics["fastapi.slow_requests"])
    assert (point.as_int, len(point.exemplars)) == (3, 0)


@pytest.mark.parametrize(
    "hostile",
    ['"', "\\", "\n", 'a="b",c', "é日", "\u2028", "\r", " ", "%s", "{x}", "🙂", "x" * 5000],
)
def test_hostile_label_values(send: Send, hostile: str) -> None:
    """A label value of any kind arrives as it was."""
    snapshot = Snapshot(sums={SeriesKey(ROUTES, (hostile,)): (1,)}, started=1)
    (point,) = points(send(snapshot).metrics["fastapi.active_requests"])
    assert attributes(point) == {"http.route": hostile}


@pytest.mark.parametrize(
    ("broken", "shown"), [("a\udcffb", "a\\udcffb"), ("\ud83d", "\\ud83d"), ("a\0b", "a\ufffdb")]
)
def test_label_values_that_are_no_text(send: Send, broken: str, shown: str) -> None:
    """What UTF-8 can't carry arrives as the page shows it, and costs no series."""
    snapshot = Snapshot(sums={SeriesKey(ROUTES, (broken,)): (1,)}, started=1)
    (point,) = points(send(snapshot).metrics["fastapi.active_requests"])
    assert attributes(point) == {"http.route": shown}
    assert page_of(snapshot).series("fastapi_active_requests") == [{"http_route": shown}]


def test_numbers_of_a_hostile_file(send: Send) -> None:
    """Numbers past what the wire can carry cost their precision, and not the export."""
    huge = (1 << 64) - 1
    counter = SeriesKey(StoredFamily("fastapi_slow_requests_total", "counter", ()), ("GET", "/x"))
    sizes = SeriesKey(
        StoredFamily("fastapi_background_task_duration_seconds", "histogram", (1.0,)), ("/x",)
    )
    snapshot = Snapshot(sums={counter: (huge,), sizes: (huge, huge, 2 * huge)}, started=1)
    received = send(snapshot).metrics
    (point,) = points(received["fastapi.slow_requests"])
    assert point.as_double == float(huge)
    (point,) = points(received["fastapi.background_task_duration"])
    assert (point.count, list(point.bucket_counts)) == (huge, [huge, huge])


def test_a_restart(send: Send, tmp_path: Path) -> None:
    """A service that is started again goes on counting, each series from the same start."""
    starts, counts = [], []
    for _ in range(2):
        app = service(directory=tmp_path / "store")
        use(app)
        found = points(send(snapshot_of(app)).metrics["http.server.request.duration"])
        starts.append({str(attributes(each)): each.start_time_unix_nano for each in found})
        counts.append(sum(point.count for point in found))
        app.lifecycle.close()
    assert starts[0] == starts[1]
    assert len(set(starts[0].values())) == 6
    assert counts == [6, 12]


def test_a_start_that_is_still_to_come(send: Send) -> None:
    """A clock that was set back makes no point that starts after its own time."""
    key = SeriesKey(StoredFamily("fastapi_slow_requests_total", "counter", ()), ("GET", "/x"))
    snapshot = Snapshot(sums={key: (1,)}, started=2_000)
    (point,) = points(send(snapshot, now_ns=1_000).metrics["fastapi.slow_requests"])
    assert (point.start_time_unix_nano, point.time_unix_nano) == (1_000, 1_000)


def test_nothing_yet(send: Send) -> None:
    """A directory without any worker is an export without metrics."""
    assert send(Snapshot()).metrics == {}
