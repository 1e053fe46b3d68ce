"""Sending: where to, how often, and what a collector that is down costs."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics.export import MetricsData

from sidelight.errors import SettingsError
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.otlp import environment
from sidelight.otlp.exporter import OtlpExporter
from sidelight.store.schema import StoredFamily
from tests.export.otlp_service import data_of, page_of, service, snapshot_of, use
from tests.export.otlp_translation import samples
from tests.live.otlp_receiver import Receiver, down, points

SLOW = SeriesKey(StoredFamily("fastapi_slow_requests_total", "counter", ()), ("GET", "/x"))
BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
WHOLE = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
METRICS_PROTOCOL = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"
AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
EXPONENTIAL = "base2_exponential_bucket_histogram"


def counted(number: int) -> MetricsData:
    """Data with one counter at this number."""
    found: MetricsData = data_of(Snapshot(sums={SLOW: (number,)}, started=1))
    return found


def numbers(receiver: Receiver) -> list[int]:
    """That counter in each export that arrived."""
    return [points(r.metrics["fastapi.slow_requests"])[0].as_int for r in receiver.arrived]


def until(done: Any, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.01)
    assert done()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A collector."""
    with Receiver() as found:
        yield found


@pytest.fixture(autouse=True)
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK gives an export up after one more try."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")


@pytest.fixture
def exporter(receiver: Receiver) -> Iterator[OtlpExporter]:
    """An exporter to that collector."""
    found = OtlpExporter(receiver.url)
    yield found
    found.close(timeout=1.0)


def of_ours(logged: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (record.levelname, record.getMessage())
        for record in logged.records
        if record.name == "sidelight.otlp"
    ]


def test_down_and_up_again(
    receiver: Receiver, exporter: OtlpExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """After a collector was down its totals are the service's; each change is logged once."""
    caplog.set_level(logging.INFO)
    app = service()
    use(app)
    exporter.offer(data_of(snapshot_of(app)))
    until(lambda: exporter.outcomes["success"] == 1)
    with down(receiver):
        for failures in (1, 2):
            use(app)
            exporter.offer(data_of(snapshot_of(app)))
            until(lambda wanted=failures: exporter.outcomes["failure"] == wanted)
    snapshot = snapshot_of(app)
    exporter.offer(data_of(snapshot))
    until(lambda: exporter.outcomes["success"] == 2)
    assert exporter.outcomes == {"success": 2, "failure": 2}
    name = "http_server_request_duration_seconds_count"
    found = samples(receiver.arrived[-1].metrics.values())
    sent = sum(value for (sample, _), value in found.items() if sample == name)
    assert sent == page_of(snapshot).value(name) == 6 * 3
    first, second = of_ours(caplog)
    assert first[0] == "WARNING"
    assert f"metrics do not reach {receiver.url}/v1/metrics" in first[1]
    assert "refused" in first[1]
    assert second == ("INFO", f"metrics reach {receiver.url}/v1/metrics again")
    others = [r.name for r in caplog.records if not r.name.startswith("sidelight")]
    assert [name for name in others if name.startswith(("opentelemetry", "urllib3"))] == []


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_collector_that_refuses(
    receiver: Receiver, exporter: OtlpExporter, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Each refusal is a failure; one line says why."""
    receiver.status = status
    for failures in (1, 2):
        exporter.offer(counted(1))
        until(lambda wanted=failures: exporter.outcomes["failure"] == wanted)
    ((level, text),) = of_ours(caplog)
    assert level == "WARNING"
    assert str(status) in text
    assert exporter.outcomes["success"] == 0


def test_a_collector_that_is_busy(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A collector that asks for a retry gets it a moment later, and nothing is logged."""
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "10")
    receiver.status = 503
    exporter = OtlpExporter(receiver.url)
    exporter.offer(counted(1))
    receiver.wait(tries=1)
    receiver.status = 200
    exporter.close(timeout=10)
    assert numbers(receiver) == [1]
    assert receiver.tries > 1
    assert exporter.outcomes == {"success": 2, "failure": 0}  # values, and the ends of the series
    assert caplog.records == []


def test_the_newest_waits(receiver: Receiver, exporter: OtlpExporter) -> None:
    """While one export is under way, of those offered only the newest is sent."""
    receiver.hold.clear()
    exporter.offer(counted(1))
    receiver.wait(tries=1)
    for number in range(2, 50):
        exporter.offer(counted(number))
    receiver.hold.set()
    receiver.wait(arrived=2)
    exporter.close()
    assert numbers(receiver) == [1, 49]


@pytest.fixture
def patient(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtlpExporter]:
    """An exporter that waits a minute for the answer to what it sent, which is held back."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
    receiver.hold.clear()
    found = OtlpExporter(receiver.url)
    found.offer(counted(1))
    receiver.wait(tries=1)
    yield found
    receiver.hold.set()
    found.close()
    until(lambda: not found._thread.is_alive())


def test_an_offer_never_blocks(patient: OtlpExporter) -> None:
    """An offer does not wait for a collector that does not answer."""
    data = counted(2)
    for _ in range(1_000):
        patient.offer(data)
    assert patient.outcomes == {"success": 0, "failure": 0}


def test_close_sends_what_waits(receiver: Receiver, exporter: OtlpExporter) -> None:
    """The last data is sent before the end, and what is offered later is not."""
    receiver.hold.clear()
    exporter.offer(counted(1))
    receiver.wait(tries=1)
    exporter.offer(counted(2))
    threading.Timer(0.1, receiver.hold.set).start()
    exporter.close()
    exporter.close()
    exporter.offer(counted(3))
    assert numbers(receiver) == [1, 2]
    assert exporter.outcomes == {"success": 2, "failure": 0}
    assert not exporter._thread.is_alive()


def test_a_series_that_leaves_ends(receiver: Receiver, exporter: OtlpExporter) -> None:
    """Its end is sent until it arrives; those of all others are sent at the close."""
    exporter.offer(counted(1))
    until(lambda: exporter.outcomes["success"] == 1)
    receiver.status = 400
    exporter.offer(data_of(Snapshot()))
    until(lambda: exporter.outcomes["failure"] == 1)
    receiver.status = 200
    active = SeriesKey(StoredFamily("fastapi_active_requests", "gauge", ()), ("/x",))
    exporter.offer(data_of(Snapshot(sums={active: (1,)}, started=1)))
    until(lambda: exporter.outcomes["success"] == 2)
    slow = (
        "fastapi.slow_requests",
        frozenset({("http.request.method", "GET"), ("http.route", "/x")}),
    )
    assert receiver.ended == [slow]
    exporter.close()
    assert receiver.ended == [slow, ("fastapi.active_requests", frozenset({("http.route", "/x")}))]


def test_close_ends_in_time(patient: OtlpExporter) -> None:
    """A collector that doesn't answer can't hold up the end."""
    patient.close(timeout=0.2)
    assert patient.outcomes == {"success": 0, "failure": 0}


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
def test_compression_and_headers(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    """Compression and headers are those of OpenTelemetry's variables."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret,tenant=a%20b")
    exporter = OtlpExporter(receiver.url)
    exporter.offer(counted(7))
    exporter.close()
    (found,) = receiver.arrived
    assert found.headers.get("content-encoding", "none") == compression
    assert (found.headers["api-key"], found.headers["tenant"]) == ("s3cret", "a b")
    assert numbers(receiver) == [7]


def test_the_environments_endpoint(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an endpoint of its own the exporter sends where OpenTelemetry's variables say."""
    monkeypatch.setenv(BASE, receiver.url)
    exporter = OtlpExporter()
    exporter.offer(counted(7))
    exporter.close()
    assert [found.path for found in receiver.arrived] == ["/v1/metrics"]


def test_nothing_global_is_set(receiver: Receiver, exporter: OtlpExporter) -> None:
    """The process's own OpenTelemetry providers, and its loggers, are as they were."""
    before = metrics.get_meter_provider(), trace.get_tracer_provider()
    exporter.offer(counted(1))
    exporter.close()
    assert (metrics.get_meter_provider(), trace.get_tracer_provider()) == before
    name = "opentelemetry.exporter.otlp.proto.http.metric_exporter"
    assert logging.getLogger(name).filters == []


def test_exporters_of_others_may_speak(
    exporter: OtlpExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """What the SDK logs in another thread is logged."""
    name = "opentelemetry.exporter.otlp.proto.http.metric_exporter"
    logging.getLogger(name).error("of another")
    assert [record.getMessage() for record in caplog.records] == ["of another"]


@pytest.mark.parametrize(
    ("given", "environ", "expected"),
    [
        (None, {}, "http://localhost:4318/v1/metrics"),
        ("", {}, "http://localhost:4318/v1/metrics"),
        ("http://c:4318", {BASE: "http://x"}, "http://c:4318/v1/metrics"),
        ("http://c:4318/", {WHOLE: "http://x"}, "http://c:4318/v1/metrics"),
        ("https://c/otlp", {}, "https://c/otlp/v1/metrics"),
        ("https://c/otlp?a=b", {}, "https://c/otlp/v1/metrics?a=b"),
        ("https://c/v1/metrics", {}, "https://c/v1/metrics"),
        ("https://c/v1/metrics/", {}, "https://c/v1/metrics"),
        (None, {BASE: "http://c:4318"}, "http://c:4318/v1/metrics"),
        (None, {BASE: "http://c:4318/my/"}, "http://c:4318/my/v1/metrics"),
        (None, {BASE: "http://c", WHOLE: "http://d/push"}, "http://d/push"),
        (None, {BASE: "http://c", WHOLE: ""}, "http://c/v1/metrics"),
        (None, {BASE: ""}, "http://localhost:4318/v1/metrics"),
        ("http://[::1]:4318", {}, "http://[::1]:4318/v1/metrics"),
    ],
)
def test_where_to(given: str | None, environ: dict[str, str], expected: str) -> None:
    """A base gets the path of metrics, what is given goes before the environment."""
    assert environment.url(given, environ) == expected


@pytest.mark.parametrize(
    "wrong", ["collector:4318", "grpc://c:4317", "http://", "http://[::1", "/x"]
)
@pytest.mark.parametrize("key", ["otlp", BASE, WHOLE])
def test_no_address(key: str, wrong: str) -> None:
    """An address that is none is refused: which it was, what was given, and one that works."""
    given, environ = (wrong, {}) if key == "otlp" else (None, {key: wrong})
    with pytest.raises(SettingsError) as caught:
        environment.url(given, environ)
    text = str(caught.value)
    assert text.startswith(f"{key}={wrong!r}: ")
    assert f"{key}=http://localhost:4318" in text


@pytest.mark.parametrize(
    ("key", "wrong", "works"),
    [
        ("OTEL_METRIC_EXPORT_INTERVAL", "1m", "60000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0", "60000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-5", "60000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1.5", "60000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon", "10"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "0", "10"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", "gzip"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "br", "gzip"),
        (AGGREGATION, "exponential", EXPONENTIAL),
        (AGGREGATION, "base2_exponential_bucket_histogram,x", EXPONENTIAL),
    ],
)
def test_values_that_are_wrong(
    monkeypatch: pytest.MonkeyPatch, key: str, wrong: str, works: str
) -> None:
    """A wrong value stops the start, and says which, what was given, and one that works."""
    monkeypatch.setenv(key, wrong)
    with pytest.raises(SettingsError) as caught:
        OtlpExporter("http://127.0.0.1:9")
    assert str(caught.value).startswith(f"{key}={wrong!r}: ")
    assert str(caught.value).endswith(f"for example {key}={works}")
    monkeypatch.setenv(key, works)
    OtlpExporter("http://127.0.0.1:9").close()


@pytest.mark.parametrize("protocol", ["grpc", "GRPC", "http/json", "http"])
@pytest.mark.parametrize("key", ["OTEL_EXPORTER_OTLP_PROTOCOL", METRICS_PROTOCOL])
def test_a_protocol_that_is_not_sent_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, key: str, protocol: str
) -> None:
    """Any other protocol than http/protobuf is refused, with the variables that correct it."""
    monkeypatch.setenv(key, protocol)
    for endpoint in ("http://127.0.0.1:9", None):
        with pytest.raises(SettingsError) as caught:
            OtlpExporter(endpoint)
        assert str(caught.value) == (
            f"{key}={protocol!r}: is not supported: metrics are sent as http/protobuf; for example "
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf with "
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://localhost:4318/v1/metrics"
        )


@pytest.mark.parametrize("protocol", ["http/protobuf", " HTTP/Protobuf "])
def test_the_protocol_of_metrics_comes_first(
    monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    """Traces may be sent by gRPC, where metrics have a protocol of their own."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv(METRICS_PROTOCOL, protocol)
    exporter = OtlpExporter("http://127.0.0.1:9")
    exporter.close()
    assert exporter.endpoint == "http://127.0.0.1:9/v1/metrics"


def test_the_port_of_grpc_is_named() -> None:
    """A failure at port 4317 is logged with what is usually wrong, and no other port is."""
    assert "4317 usually expects gRPC" in environment.hint("http://c:4317/v1/metrics")
    assert environment.hint("http://c:4318/v1/metrics") == environment.hint("https://c/x") == ""


@pytest.mark.parametrize(
    ("given", "exponential"),
    [
        (None, False),
        ("", False),
        ("explicit_bucket_histogram", False),
        (EXPONENTIAL, True),
        (f" {EXPONENTIAL.upper()} ", True),
    ],
)
def test_the_aggregation_of_histograms(
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    exponential: bool,  # noqa: FBT001 the case under test
) -> None:
    """Histograms are explicit, unless OpenTelemetry's variable asks for exponential ones."""
    if given is not None:
        monkeypatch.setenv(AGGREGATION, given)
    exporter = OtlpExporter("http://127.0.0.1:9")
    assert exporter.exponential is exponential
    exporter.close()


def test_the_message_for_an_aggregation_has_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variable, what was given, what is possible, and a line that works."""
    monkeypatch.setenv(AGGREGATION, "drop")
    with pytest.raises(SettingsError) as caught:
        OtlpExporter("http://127.0.0.1:9")
    assert str(caught.value) == (
        f"{AGGREGATION}='drop': must be explicit_bucket_histogram or {EXPONENTIAL}; "
        f"for example {AGGREGATION}={EXPONENTIAL}"
    )


@pytest.mark.parametrize(("given", "seconds"), [(None, 60.0), ("", 60.0), ("1500", 1.5)])
def test_the_period(given: str | None, seconds: float) -> None:
    """The interval is OpenTelemetry's, in milliseconds; a minute without it."""
    environ = {} if given is None else {"OTEL_METRIC_EXPORT_INTERVAL": given}
    assert environment.period(environ) == seconds


def test_a_password_is_not_logged() -> None:
    """An address in a log has neither a password nor a query."""
    for password in ("s3cret", "s3@cret"):
        address = f"https://user:{password}@c:4318/v1/metrics?key={password}"
        assert environment.without_secrets(address) == "https://c:4318/v1/metrics"
