"""A real service, its sidecar, and a collector that takes OTLP over HTTP."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from tests.live.conftest import Serve
from tests.live.counting import CALLS, ask, settle
from tests.live.otlp_receiver import Received, Receiver, attributes, down
from tests.live.otlp_receiver import points as points_of
from tests.live.servers import Server, eventually
from tests.live.sidecars import Sidecar, fetch, run

pytestmark = pytest.mark.live

DURATION = "http.server.request.duration"
SOON = {"OTEL_METRIC_EXPORT_INTERVAL": "300"}
EXPONENTIAL = {
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"
}


def points(received: Received) -> list[Any]:
    """Those of the durations."""
    return list(points_of(received.metrics[DURATION]))


def starts(received: Received) -> dict[frozenset[tuple[str, Any]], int]:
    """When each series of durations that counted anything started."""
    return {
        frozenset(attributes(point).items()): point.start_time_unix_nano
        for point in points(received)
        if point.count
    }


def counts(received: Received) -> Counter[tuple[str, str]]:
    """Requests by route and status; zeros are left out."""
    found: Counter[tuple[str, str]] = Counter()
    for point in points(received):
        labels = attributes(point)
        status = str(labels.get("http.response.status_code", ""))
        found[str(labels.get("http.route", "")), status] += point.count
    found = +found
    for key in [key for key in found if key[0] == "/pid"]:
        del found[key]
    return found


def asked(server: Server, times: int) -> Counter[tuple[str, str]]:
    """Ask everything so often; what was answered."""
    ask(server, dict.fromkeys(CALLS, times))
    return Counter((call.route, call.status) for call in CALLS for _ in range(times))


@contextmanager
def sending(
    store: Path, where: Path, collector: Receiver, expected: Counter[tuple[str, str]], **env: str
) -> Iterator[Sidecar]:
    """A sidecar of two workers that often sends, once the collector has what is expected."""
    with Sidecar(store, where, "--otlp", collector.url, **SOON, **env) as sidecar:
        settle(sidecar, 2)
        eventually(lambda: collector.arrived and counts(collector.arrived[-1]) == expected)
        yield sidecar


def test_a_collector_gets_the_counts_over_every_restart(
    uvicorn: Serve, store: Path, tmp_path: Path
) -> None:
    """Totals and their starts stay, whether service, sidecar or collector restart or die."""
    with Receiver() as collector:
        server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
        expected = asked(server, 3)
        with sending(store, tmp_path, collector, expected) as sidecar:
            began = starts(collector.arrived[-1])
            server.kill(server.workers()[0])
            expected += asked(server.ready(), 2)
            eventually(lambda: counts(collector.arrived[-1]) == expected)
            with down(collector):
                expected += asked(server, 1)
                eventually(lambda: "metrics do not reach" in sidecar.log)
            eventually(lambda: counts(collector.arrived[-1]) == expected)
            eventually(lambda: "again" in sidecar.log)
            failures = [
                text
                for text in fetch(sidecar, "/metrics").text.splitlines()
                if text.startswith('sidelight_otlp_exports_total{outcome="failure"}')
            ]
            assert float(failures[0].split()[1]) >= 1
            sidecar.process.kill()
            sidecar.process.wait()
        server.stop()
        server = uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
        expected += asked(server, 1)
        seen = len(collector.arrived)
        with Sidecar(store, tmp_path, "--otlp", collector.url, **SOON):
            eventually(
                lambda: len(collector.arrived) > seen and counts(collector.arrived[-1]) == expected
            )
        assert len(set(began.values())) > 1
        assert began.items() <= starts(collector.arrived[-1]).items()
        (resource,) = {str(r.resource["service.instance.id"]) for r in collector.arrived}
        assert resource


def test_the_last_counts_are_sent_at_the_end(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """A sidecar that is told to end sends once more, however long its period is."""
    with Receiver() as collector:
        server = uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
        with Sidecar(
            store, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="shop"
        ) as sidecar:
            expected = asked(server, 1)
            assert sidecar.lines[0]["otlp"] == f"{collector.url}/v1/metrics"
            assert sidecar.stop() == 0
        (received,) = collector.arrived
        assert counts(received) == expected
        assert received.resource["service.name"] == "shop"


def test_durations_are_exponential_where_the_variable_says_so(
    uvicorn: Serve, store: Path, tmp_path: Path
) -> None:
    """Then the sidecar sends the requests of all workers in exponential histograms."""
    with Receiver() as collector:
        server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
        expected = asked(server, 2)
        with sending(store, tmp_path, collector, expected, **EXPONENTIAL):
            pass
        received = collector.arrived[-1]
        kinds = {name: metric.WhichOneof("data") for name, metric in received.metrics.items()}
        assert kinds[DURATION] == "exponential_histogram"
        assert kinds["http.server.response.body.size"] == "histogram"
        for point in points(received):
            assert point.count == point.zero_count + sum(point.positive.bucket_counts)
            assert (point.scale, point.zero_threshold) == (3, 2.0**-13)


def test_an_unknown_aggregation_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sidecar does not start, and says which variable, what was given, and one that works."""
    (name,) = EXPONENTIAL
    monkeypatch.setenv(name, "exponential")
    done = run("--directory", str(store), "--otlp", "http://127.0.0.1:9", "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert f"{name}='exponential'" in done.stderr
    assert f"for example {name}={EXPONENTIAL[name]}" in done.stderr


def test_a_wrong_address_is_refused(store: Path) -> None:
    """The message has what was given and one that works."""
    done = run("--directory", str(store), "--otlp", "collector:4318", "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert "'collector:4318'" in done.stderr
    assert "http://localhost:4318" in done.stderr
