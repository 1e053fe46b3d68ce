"""A real Prometheus with our rules scrapes the shop's sidecar: every panel's query is asked."""

import http.client
import json
import math
import re
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.dashboards.reading import (
    ROOT,
    RULES,
    Asked,
    dashboards,
    panels,
    queries,
    sent,
    variables,
)
from tests.live.prometheus import query, tool
from tests.live.servers import PATIENCE, Server, eventually, free_port
from tests.live.sidecars import Sidecar

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="starts servers that need Linux's /proc"),
]

SHOP = ROOT / "examples" / "shop"
WINDOWS = {"$__rate_interval": "20s", "$__interval": "5s", "$__range": "2m"}
CONFIG = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{scraped}"]}}]
  - job_name: prometheus
    static_configs: [{{targets: ["127.0.0.1:{own}"]}}]
"""
QUIET = {
    # What the shop doesn't have, or should not.
    "Alerts firing",
    "Past the cap",
    "Left out",
    "Exports by OTLP",
    "Faults",
    "Faults inside Sidelight",
    "Seen without its metrics",
    "Targets down",
    "Without Sidelight",
    "Fullest connection pools",
    "Wait for a connection",
    "Connection pools",
    "Other services it calls",
    "Other services, over a longer time",
    "Dependencies",
    "Dependencies, over a longer time",
    "Executors: how full",
    "Executors: calls that wait",
    "Executors: wait and run",
    "Workers that died",
    "Workers that ended",
    "Slower than the latency objective",
    "Its own budget left",
    "Its own budget's burn",
    "Lost, left and misfit",
    # What a budget not overspent, or a machine without a limit, has none of.
    "Overspent",
    "Soonest exhausted",
    # A day and a week ago there was nothing; these say which queries.
    "Requests, now and before B",
    "Requests, now and before C",
    "p95, now and before B",
    "p95, now and before C",
    "Latency D",  # asks for traces only
    "Memory D",
    "Instances C",
    "Objectives G",
}


class Answer(NamedTuple):
    """What Prometheus said: an error, or values."""

    error: str
    series: list[dict[str, Any]]

    @property
    def numbers(self) -> list[float]:
        rows = (row.get("values") or [row["value"]] for row in self.series)
        return [float(text) for values in rows for _, text in values]


def get(port: int, path: str, **parameters: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def put(port: int, asked: Asked, **chosen: str) -> Answer:
    """A query as Grafana puts it: at once, or over the last minute."""
    text = asked.expr
    for name, window in WINDOWS.items():
        text = text.replace(name, window)
    text, now = sent(text, **chosen), time.time()
    if asked.target["instant"]:
        answer = get(port, "query", query=text, time=str(now))
    else:
        answer = get(port, "query_range", query=text, start=str(now - 60), end=str(now), step="5")
    return Answer(answer.get("error", ""), answer.get("data", {}).get("result", []))


@contextmanager
def prometheus(scraped: int, where: Path) -> Iterator[int]:
    """Prometheus on a free port, that evaluates our rules each second."""
    rules = where / "rules.yml"
    text = "".join(path.read_text() for path in sorted(RULES.glob("*.yml"))[:1])
    rules.write_text(re.sub(r"interval: \d+m", "interval: 1s", text))
    own, config = free_port(), where / "prometheus.yml"
    config.write_text(CONFIG.format(rules=rules, scraped=scraped, own=own))
    with (where / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                tool("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={where / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{own}",
                "--enable-feature=exemplar-storage",
            ],
            cwd=where,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield own
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def shop(where: Path) -> Iterator[tuple[Server, int]]:
    """The shop on two workers, its sidecar, and Prometheus."""
    tool("prometheus")
    if not list(RULES.glob("*.yml")):
        pytest.skip("there are no rules to load")
    command = ("uvicorn", "app:app", "--app-dir", str(SHOP), "--port", "{port}", "--workers", "2")
    env = {"SIDELIGHT_DIR": str(where / "store"), "SIDELIGHT_PHASES": "1"}
    env["SIDELIGHT_SLOW_CALLBACK"] = "0.02"  # the barcode holds the loop for less than 0.1 s
    server = Server((*command, "--log-level", "warning"), env, where)
    try:
        with (
            Sidecar(where / "store", where) as sidecar,
            prometheus(sidecar.port, where) as port,
        ):
            eventually(lambda: query(port, 'sum(sidelight_workers{job="shop"}) == 2'))
            yield server, port
    finally:
        server.destroy()


@contextmanager
def load(server: Server) -> Iterator[None]:
    """Shoppers, meanwhile."""
    process = subprocess.Popen(
        [
            sys.executable,
            str(SHOP / "load.py"),
            f"http://127.0.0.1:{server.port}",
            "--rate=40",
            "--seconds=120",
        ],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def hold(server: Server) -> None:
    """Many at once ask for what computes on the event loop, so that it is held for long."""
    with ThreadPoolExecutor(24) as crowd:
        list(crowd.map(lambda _: server.get("/products/1/barcode"), range(72)))


def each() -> Iterator[Asked]:
    for board in dashboards():
        yield from queries(board)


def check_all(port: int, *, busy: Callable[[Asked], bool]) -> None:
    """No query fails or answers NaN; those that must, answer something."""
    silent = []
    for asked in each():
        answer = put(port, asked)
        assert not answer.error, (str(asked), answer.error, asked.expr)
        assert not [n for n in answer.numbers if math.isnan(n) or math.isinf(n)], (
            str(asked),
            asked.expr,
        )
        check_shape(asked, answer)
        if busy(asked) and not answer.series:
            silent.append(asked)
    for asked in silent:
        eventually(lambda asked=asked: put(port, asked).series)  # type: ignore[misc]
    for board in dashboards():
        for one in board["annotations"]["list"]:
            found = get(port, "query", query=sent(one["expr"]))
            assert found["status"] == "success", found


def check_shape(asked: Asked, answer: Answer) -> None:
    """A row of a table has its keys as labels and no other, else it joins no other column's."""
    if asked.target.get("format") == "table":
        (panel,) = [
            panel
            for board in dashboards()
            for panel in panels(board)
            if (board["uid"], panel["title"], panel["type"]) == (asked.uid, asked.panel, "table")
        ]
        keys = set(panel["transformations"][-1]["options"]["renameByName"])
        for row in answer.series:
            assert set(row["metric"]) <= keys, (str(asked), row["metric"])


def must_answer(asked: Asked) -> bool:
    return not {asked.panel, f"{asked.panel} {asked.target['refId']}"} & QUIET


def check_variables(port: int) -> None:
    """Each variable has something to choose, and a choice of one leaves data."""
    for board in dashboards():
        for one in variables(board):
            if one["type"] == "query":
                inside = one["query"]["query"].removeprefix("label_values(").removesuffix(")")
                selector, _, label = inside.rpartition(", ")
                found = get(port, f"label/{label}/values", **{"match[]": sent(selector)})
                assert found["data"], (board["uid"], one["name"])
    checkout = {"job": "shop", "route": "/orders/checkout", "method": "POST"}
    found = [a for a in each() if a.uid == "sidelight-route" and a.panel == "Requests"]
    assert put(port, found[0], **checkout).numbers[0] > 0


def test_every_panel_under_load(tmp_path: Path) -> None:
    """Under load every query answers, without NaN, where data must be."""
    with shop(tmp_path) as (server, port), load(server):
        time.sleep(12)
        hold(server)
        time.sleep(3)
        check_all(port, busy=must_answer)
        check_variables(port)


@pytest.mark.slow
def test_every_panel_at_rest(tmp_path: Path) -> None:
    """When requests have stopped, no query is in error and none answers NaN."""
    with shop(tmp_path) as (server, port):
        with load(server):
            time.sleep(8)
        time.sleep(25)  # longer than the windows of rates
        check_all(port, busy=lambda _: False)


def test_every_panel_without_any_request(tmp_path: Path) -> None:
    """Of a service that nobody has asked for anything, no query is in error or NaN."""
    with shop(tmp_path) as (_, port):
        time.sleep(5)
        check_all(port, busy=lambda _: False)
