"""A real Prometheus scrapes a real service: what it answers is what was counted."""

import http.client
import http.server
import json
import shutil
import subprocess
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import Serve
from tests.live.servers import PATIENCE, Server, eventually, free_port
from tests.live.test_live_killed import check_counts
from tests.live.traffic import DURATION_COUNT, Asked, Load, requests, scrape, settle

pytestmark = pytest.mark.live

CONFIG = """\
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: openmetrics
    static_configs: [{{targets: ["127.0.0.1:{service}"]}}]
  - job_name: text
    static_configs: [{{targets: ["127.0.0.1:{text}"]}}]
"""


def tool(name: str) -> str:
    """A program of Prometheus, or a skipped test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt install prometheus)")
    return found


@contextmanager
def text_only(server: Server) -> Iterator[int]:
    """A port that passes pages on and asks for the text format, whatever it is asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, page = server.get(self.path, headers={"Accept": "text/plain;version=0.0.4"})
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        yield proxy.server_address[1]
        proxy.shutdown()
        thread.join()


@contextmanager
def prometheus(server: Server, text_port: int, where: Path) -> Iterator[int]:
    """Prometheus on a free port, scraping the service in both formats each second."""
    config = where / "prometheus.yml"
    config.write_text(CONFIG.format(service=server.port, text=text_port))
    port = free_port()
    with (where / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                tool("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={where / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            cwd=where,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def query(port: int, expression: str) -> list[dict[str, Any]]:
    """The vector Prometheus answers; empty while it starts."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", f"/api/v1/query?query={urllib.parse.quote(expression)}")
        answer = json.loads(connection.getresponse().read())
        found: list[dict[str, Any]] = answer["data"]["result"]
    except (OSError, ValueError, KeyError):
        return []
    finally:
        connection.close()
    return found


def counted(port: int, job: str) -> Counter[Asked]:
    """Requests as Prometheus has them, by method, route and status."""
    by = "http_request_method, http_route, http_response_status_code"
    found: Counter[Asked] = Counter()
    for row in query(port, f'sum by ({by}) ({DURATION_COUNT}{{job="{job}"}}) > 0'):
        has = row["metric"]
        asked = Asked(
            has["http_request_method"],
            has.get("http_route", ""),
            has.get("http_response_status_code", ""),
        )
        found[asked] = int(row["value"][1])
    return found


def test_prometheus_has_the_counts_of_all_workers(uvicorn: Serve, tmp_path: Path) -> None:
    """Prometheus, in either format, answers the counts of clients of 4 workers exactly."""
    tool("prometheus")
    server = uvicorn(4).ready(4)
    with text_only(server) as text_port, prometheus(server, text_port, tmp_path) as port:
        with Load(server, 4) as load:
            eventually(lambda: load.total > 500)
            eventually(lambda: query(port, 'up{job="openmetrics"} == 1'))
            eventually(lambda: query(port, 'up{job="text"} == 1'))
        check_counts(load, server)
        expected = requests(scrape(server))
        assert expected.total() >= load.total
        for job in ("openmetrics", "text"):
            eventually(lambda job=job: counted(port, job) == expected)  # type: ignore[misc]
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


@pytest.mark.parametrize("app", ["service:app", "people:app"])
def test_promtool_accepts_the_page(uvicorn: Serve, app: str) -> None:
    """``promtool check metrics`` has nothing against a page of two workers under load."""
    promtool = tool("promtool")
    if app == "people:app":
        pytest.importorskip("prometheus_client")
    server = uvicorn(2, app).ready(2)
    settle(server, 2)
    if app == "service:app":
        with Load(server, 2) as load:
            eventually(lambda: load.total > 200)
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
    ours = [
        text for text in checked.stdout.splitlines() if not text.startswith(("shop_", "custom_"))
    ]
    assert ours == []
