"""Four dashboards for a service that has OpenTelemetry's request metrics and nothing of ours."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from sidelight.contract import DURATION_BUCKETS
from tests.dashboards.reading import NATIVE, RULES, Asked
from tests.dashboards.test_live_dashboards import each, get, prometheus, put
from tests.live.prometheus import query, tool
from tests.live.servers import eventually

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

NAME = "http_server_request_duration_seconds"
SCOPE = 'otel_scope_name="fastapi",otel_scope_version="0.165.0",otel_scope_schema_url=""'
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
MUST = {
    "sidelight-fleet": {"Services A", "Services B", "Services C", "Services D", "Services E"},
    "sidelight-service": {
        "Requests A",
        "Errors A",
        "p95 A",
        "Instances up A",
        "Requests by status A",
        "Latency A",
        "How latencies are spread A",
        "Routes, by share of the time A",
        "Routes, by share of the time B",
        "Routes, by share of the time C",
        "Routes, by share of the time D",
        "Requests an instance A",
    },
    "sidelight-route": {
        "Requests A",
        "Errors A",
        "p95 A",
        "Requests by status A",
        "Refusals and errors, by code and type A",
        "Latency C",
        "How latencies are spread A",
    },
    "sidelight-objectives": {
        "Least budget left A",
        "Fastest burn, 1 h A",
        "Objectives A",
        "Objectives B",
        "Objectives C",
        "Routes that spend the most availability A",
        "Routes that spend the most availability B",
    },
}
SIDELIGHTS_OWN = {"In flight A", "Phases A", "Slow requests A", "Event loop lag A", "Measured by A"}


def text(count: int) -> str:
    """A page in OpenMetrics after so many requests of each kind, one in ten of them failed."""
    lines = [f"# TYPE {NAME} histogram", f"# UNIT {NAME} seconds"]
    for route, status, error, share in (
        ("/items/{item_id}", "200", "", 9),
        ("/items/{item_id}", "500", "500", 1),
        ("/users", "200", "", 5),
        ("", "404", "", 1),
    ):
        labels = ",".join(
            (
                SCOPE,
                'http_request_method="GET",url_scheme="http"',
                f'http_route="{route}",http_response_status_code="{status}"',
                *([f'error_type="{error}"'] if error else []),
            )
        )
        total = count * share
        for bound in (*DURATION_BUCKETS, float("inf")):
            le = "+Inf" if bound == float("inf") else bound
            traced = f' # {{trace_id="{TRACE}"}} 0.09 {time.time():.3f}' if bound == 0.1 else ""
            inside = total if bound >= 0.1 else 0
            lines.append(f'{NAME}_bucket{{{labels},le="{le}"}} {inside}{traced}')
        lines += [f"{NAME}_sum{{{labels}}} {total * 0.09}", f"{NAME}_count{{{labels}}} {total}"]
    named = 'service_name="native",service_version="1"'
    lines += ["# TYPE target info", f"target_info{{{named}}} 1", "# EOF", ""]
    return "\n".join(lines)


@contextmanager
def service() -> Iterator[int]:
    """A page whose counters grow at each look."""

    class Handler(BaseHTTPRequestHandler):
        looks = 0

        def do_GET(self) -> None:
            Handler.looks += 1
            self.send_response(200)
            kind = "application/openmetrics-text; version=1.0.0; charset=utf-8"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(text(Handler.looks).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def check_traces(port: int) -> None:
    """Every query for exemplars leads to a trace, and *Service*'s to no sample."""
    now = time.time()
    wanted = [asked for asked in each() if asked.target["exemplar"]]
    assert {asked.uid for asked in wanted} == {"sidelight-service", "sidelight-route"}
    for asked in wanted:
        expr = asked.expr.replace("$__rate_interval", "20s").replace("$job", ".+")
        expr = expr.replace("$instance", ".+").replace("$route", ".*").replace("$method", ".*")
        found = get(port, "query_exemplars", query=expr, start=str(now - 60), end=str(now))
        traces = {one["labels"]["trace_id"] for row in found["data"] for one in row["exemplars"]}
        assert traces == {TRACE}, str(asked)
    (only,) = [asked for asked in wanted if "offset" in asked.expr]
    assert put(port, only).series == []


def key(asked: Asked) -> str:
    return f"{asked.panel} {asked.target['refId']}"


def test_four_dashboards_without_sidelight(tmp_path: Path) -> None:
    """Four dashboards show requests, errors, latency and budgets; what is Sidelight's is empty."""
    tool("prometheus")
    if not list(RULES.glob("*.yml")):
        pytest.skip("there are no rules to load")
    with service() as page, prometheus(page, tmp_path) as port:
        eventually(lambda: query(port, "count(slo:bad_requests_per_requests:ratio_rate3d) > 0"))
        time.sleep(12)
        silent, loud = [], []
        for asked in each():
            if asked.uid in NATIVE:
                answer = put(port, asked)
                assert not answer.error, (str(asked), answer.error)
                if key(asked) in MUST[asked.uid] and not answer.series:
                    silent.append(str(asked))
                if key(asked) in SIDELIGHTS_OWN and answer.series:
                    loud.append(str(asked))
        assert not silent
        assert not loud
        check_traces(port)
