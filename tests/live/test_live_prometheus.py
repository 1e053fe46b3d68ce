"""A real Prometheus scrapes a real service: what it answers is what was counted."""

import http.client
import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import (
    DURATION_COUNT,
    Call,
    Load,
    RouteStatus,
    check_counted,
    requests,
    scrape,
    settle,
)
from tests.live.forwarding import forwarding
from tests.live.prometheus import prometheus, query, request_of, tool
from tests.live.servers import PATIENCE, eventually

pytestmark = pytest.mark.live

HELD = Call("GET", "/hold/0.5", "/hold/{seconds}", "200")
CONFIG = """\
global:
  scrape_interval: 3s # and so the time for each scrape: on a busy machine one takes long
scrape_configs:
  - job_name: openmetrics
    static_configs: [{{targets: ["127.0.0.1:{service}"]}}]
  - job_name: text
    static_configs: [{{targets: ["127.0.0.1:{text}"]}}]
"""


def counted(port: int, job: str) -> Counter[RouteStatus]:
    """Requests as Prometheus has them, by method, route and status."""
    by = "http_request_method, http_route, http_response_status_code"
    found: Counter[RouteStatus] = Counter()
    for row in query(port, f'sum by ({by}) ({DURATION_COUNT}{{job="{job}"}}) > 0'):
        found[request_of(row["metric"])] = int(row["value"][1])
    return found


def test_prometheus_has_the_counts_of_all_workers(uvicorn: Serve, tmp_path: Path) -> None:
    """Prometheus, in either format, answers the counts of clients of 2 workers exactly."""
    tool("prometheus")
    server = uvicorn(2).ready(2)
    with (
        forwarding(server, "text/plain;version=0.0.4") as (text_port, _),
        prometheus(CONFIG.format(service=server.port, text=text_port), tmp_path) as port,
    ):
        # Between two requests there is none in flight: a scrape must meet one.
        with Load(server, 1, [HELD]) as held, Load(server) as load:
            eventually(lambda: load.total > 50)
            eventually(lambda: query(port, 'up{job="openmetrics"} == 1'))
            eventually(lambda: query(port, 'up{job="text"} == 1'))
            eventually(lambda: "http_server_active_requests" in query_types(port))
        expected = requests(scrape(server))
        by_load = {key: number for key, number in expected.items() if key.route != "/pid"}
        check_counted([load, held], Counter(by_load))
        for job in ("openmetrics", "text"):
            eventually(lambda job=job: counted(port, job) == expected)  # type: ignore[misc] # mypy infers no lambda with a default
            up = query(port, f'min_over_time(up{{job="{job}"}}[5m])')
            assert [row["value"][1] for row in up] == ["1"]
            quantile = query(
                port,
                "histogram_quantile(0.5, sum by (le) "
                f'(http_server_request_duration_seconds_bucket{{job="{job}"}}))',
            )
            assert 0 < float(quantile[0]["value"][1]) < 10
        types = query_types(port)
        assert types["http_server_request_duration_seconds"] == "histogram"
        assert types["http_server_active_requests"] == "gauge"


def query_types(port: int) -> dict[str, str]:
    """The type Prometheus knows of each metric."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/api/v1/metadata")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return {name: rows[0]["type"] for name, rows in answer["data"].items()}


@pytest.mark.parametrize("app", ["service:app", "app_metrics:app"])
def test_promtool_accepts_the_page(uvicorn: Serve, app: str) -> None:
    """``promtool check metrics`` has nothing against a page of two workers under load."""
    promtool = tool("promtool")
    if app == "app_metrics:app":
        pytest.importorskip("prometheus_client")
    server = uvicorn(2, app).ready(2)
    settle(server, 2)
    if app == "service:app":
        with Load(server, 2) as load:
            eventually(lambda: load.total > 50)
    status, page = server.get("/metrics")
    assert status == 200
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=page,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    found = [
        text for text in checked.stdout.splitlines() if not text.startswith(("shop_", "custom_"))
    ]
    assert found == []
