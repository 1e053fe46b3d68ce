"""OpenTelemetry's names of the contract."""

import re

import pytest

from sidelight.contract import METRICS, STATUS, Metric
from sidelight.otlp.names import attributes, otel_name
from tests.export.otlp_translation import by_collector, by_specification, label

CONVENTIONS = [
    ("http_server_request_duration_seconds", "histogram", "http.server.request.duration", "s"),
    ("http_server_active_requests", "gauge", "http.server.active_requests", "{request}"),
    ("http_server_request_body_size_bytes", "histogram", "http.server.request.body.size", "By"),
    ("http_server_response_body_size_bytes", "histogram", "http.server.response.body.size", "By"),
    ("http_client_request_duration_seconds", "histogram", "http.client.request.duration", "s"),
    ("db_client_connection_count", "gauge", "db.client.connection.count", "{connection}"),
    ("db_client_connection_max", "gauge", "db.client.connection.max", "{connection}"),
    (
        "db_client_connection_pending_requests",
        "gauge",
        "db.client.connection.pending_requests",
        "{request}",
    ),
    (
        "db_client_connection_wait_time_seconds",
        "histogram",
        "db.client.connection.wait_time",
        "s",
    ),
    ("db_client_connection_use_time_seconds", "histogram", "db.client.connection.use_time", "s"),
    (
        "db_client_connection_timeouts_total",
        "counter",
        "db.client.connection.timeouts",
        "{timeout}",
    ),
]
LABELS = {
    "http_request_method": "http.request.method",
    "http_route": "http.route",
    "http_response_status_code": "http.response.status_code",
    "error_type": "error.type",
    "url_scheme": "url.scheme",
    "server_address": "server.address",
    "server_port": "server.port",
    "db_client_connection_pool_name": "db.client.connection.pool.name",
    "db_client_connection_state": "db.client.connection.state",
    "worker": "worker",
    "close_code": "close_code",
}
COMING = [
    Metric("fastapi_request_phase_duration_seconds", "histogram", "seconds", ("phase",), ""),
    Metric("fastapi_validation_errors_total", "counter", "", ("location",), ""),
    Metric("asyncio_event_loop_lag_seconds", "histogram", "seconds", (), ""),
    Metric("asyncio_event_loop_blocked_seconds_total", "counter", "seconds", (), ""),
    Metric("anyio_threadpool_in_use", "gauge", "", ("worker",), ""),
    Metric("python_executor_wait_seconds", "histogram", "seconds", ("executor",), ""),
    Metric("odd_progress_ratio", "gauge", "ratio", (), ""),
    Metric("odd_bytes_moved_total", "counter", "bytes", (), ""),
]


def metric(name: str, kind: str) -> Metric:
    found = METRICS.get(name)
    if found is not None:
        return found
    ends = {"seconds", "bytes"} & {name.removesuffix("_total").rpartition("_")[2]}
    return Metric(name, kind, ends.pop() if ends else "", (), "")  # type: ignore[arg-type] # the table has texts


@pytest.mark.parametrize("translate", [by_specification, by_collector])
@pytest.mark.parametrize("metric", [*METRICS.values(), *COMING], ids=lambda metric: metric.name)
def test_every_name_translates_back(metric: Metric, translate: object) -> None:
    """A metric's name and unit come back from Prometheus as exactly the contract's name."""
    name, unit, up_down = otel_name(metric)
    counter = metric.kind == "counter"
    kind = {"histogram": "histogram", "counter": "sum"}.get(metric.kind, "gauge")
    assert not (up_down and metric.kind != "gauge")
    assert translate(name, unit, kind, monotonic=counter) == metric.name  # type: ignore[operator] # the table has texts


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_every_label_translates_back(metric: Metric) -> None:
    """A metric's labels come back as exactly the contract's, with the text they had."""
    values = ["404" if name == STATUS else f"a {name}" for name in metric.labels]
    found = attributes(metric.labels, values)
    back = {label(name): str(value) for name, value in found.items()}
    assert back == dict(zip(metric.labels, values, strict=True))


@pytest.mark.parametrize(("prometheus", "kind", "name", "unit"), CONVENTIONS)
def test_names_of_the_conventions(prometheus: str, kind: str, name: str, unit: str) -> None:
    """What the semantic conventions name has their name and unit."""
    assert otel_name(metric(prometheus, kind))[:2] == (name, unit)


def test_labels_of_the_conventions() -> None:
    """Labels that the conventions name are their attributes; others stay as they are."""
    assert {name: next(iter(attributes([name], ["x"]))) for name in LABELS} == LABELS


def test_no_name_is_there_twice() -> None:
    """No two metrics of the contract have one name in OpenTelemetry."""
    names = [otel_name(metric).name for metric in METRICS.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][a-z0-9_.]*", name) for name in names)


def test_units_are_ucum() -> None:
    """A unit is a second, a byte, a thing in braces, or none; never 1."""
    for each in METRICS.values():
        assert re.fullmatch(r"s|By|\{[a-z]+\}|", otel_name(each).unit), each.name
    assert otel_name(METRICS["fastapi_slow_requests_total"]) == (
        "fastapi.slow_requests",
        "{request}",
        False,
    )
    assert otel_name(METRICS["sidelight_series"]).unit == "{series}"
    assert otel_name(METRICS["sidelight_families_skipped_total"]).unit == "{family}"


@pytest.mark.parametrize(
    ("text", "value"),
    [("200", 200), ("599", 599), ("", None), ("_OTHER", "_OTHER"), ("0200", "0200")],
)
def test_a_status_code_is_a_number(text: str, value: object) -> None:
    """A status code is a whole number, as the conventions want; what is none stays text."""
    assert attributes([STATUS], [text]) == (
        {} if value is None else {"http.response.status_code": value}
    )


def test_empty_labels_are_left_out() -> None:
    """Without a route, an error or a status there is no attribute of it."""
    names = METRICS["http_server_request_duration_seconds"].labels
    assert attributes(names, ("GET", "", "", "", "http")) == {
        "http.request.method": "GET",
        "url.scheme": "http",
    }
