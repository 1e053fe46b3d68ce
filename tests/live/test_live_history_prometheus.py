"""The sidecar's API answers as a real Prometheus that scrapes the same sidecar."""

import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.live.prometheus import prometheus
from tests.live.prometheus_api import Answer, get
from tests.live.servers import Server, eventually
from tests.live.sidecars import Sidecar

pytestmark = pytest.mark.live

RULES = """\
groups:
  - name: shop
    interval: 1s
    rules:
      - record: shop:orders:sum
        expr: sum by (job) (shop_orders_total)
        labels: {kind: all}
      - alert: Ordered
        expr: shop_orders_total{kind="tea"} > 0
        labels: {severity: info, who: '{{ $labels.kind }} of {{ $labels.job | toUpper }}'}
        annotations:
          summary: '{{ $value | humanize }} of {{ .Labels.kind | urlquery }}, {{ $value }}'
          asked: '{{ range query "shop_depth * 1234567.5" }}{{ .Value }} {{ .Labels.job }}{{ end }}'
          wrong: '{{ first (query "none_such") }}'
      - alert: Waiting
        expr: up == 1
        for: 1h
        keep_firing_for: 5m
      - alert: Broken
        expr: shop_orders_total * on (job) {__name__=~"process_.+"}
"""
EXEMPLARS = "--enable-feature=exemplar-storage"
CONFIG = """\
global: {{scrape_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class ServerPair(NamedTuple):
    """The ports of a sidecar and of a Prometheus."""

    sidecar: int
    prometheus: int

    def get(self, path: str, *fields: tuple[str, str]) -> tuple[Answer, Answer]:
        return get(self.sidecar, path, *fields), get(self.prometheus, path, *fields)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerPair]:
    """A service with some requests, a sidecar, and a Prometheus that scrapes the sidecar."""
    where = tmp_path_factory.mktemp("servers")
    (where / "rules.yml").write_text(RULES)
    store = where / "store"
    options = "--history-step", "1s", "--job", "shop", "--rules", str(where / "rules.yml")
    uvicorn = "uvicorn", "traced:app", "--port", "{port}", "--log-level", "warning"
    server = Server(uvicorn, {"SIDELIGHT_DIR": str(store)}, where)
    try:
        server.ready()
        for path in ("/orders/tea", "/orders/milk", "/orders/%22%26%22", "/boom", "/orders/tea"):
            server.get(path)
        with (
            Sidecar(store, where, *options) as sidecar,
            prometheus(CONFIG.format(port=sidecar.port), where, EXEMPLARS) as port,
        ):
            found = ServerPair(sidecar.port, port)
            eventually(lambda: _settled(found))
            yield found
    finally:
        server.destroy()


def _settled(servers: ServerPair) -> bool:
    """Whether both have evaluated their rules and have the application's samples."""
    for port in servers:
        try:
            (group,) = get(port, "rules").data["groups"]
            seen = get(port, "query", ("query", 'shop_orders_total{kind="tea"} == 2')).data
            there = get(port, "query", ("query", "ALERTS")).data["result"]
        except (OSError, AssertionError, ValueError):
            return False
        if len(there) < 2 or not seen["result"]:
            return False
        if {rule["health"] for rule in group["rules"]} != {"ok", "err"}:
            return False
    return True


@pytest.mark.parametrize(
    "match",
    [
        "{job='shop'}",
        'http_server_request_duration_seconds_bucket{http_route=~"/orders.*"}',
        '{__name__=~"scrape_.*|up"}',
        '{__name__=~"shop.*"}',
        '{__name__=~"ALERTS.*"}',
        'shop_orders_total{kind!="tea"}',
    ],
)
def test_the_same_series(servers: ServerPair, match: str) -> None:
    """A selector finds the same label sets, including those of scrapes and of rules."""

    def same() -> bool:
        actual, expected = servers.get("series", ("match[]", match))
        return bool(actual.data) and _sorted(actual.data) == _sorted(expected.data)

    assert eventually(same)


def _sorted(sets: list[dict[str, str]]) -> list[list[tuple[str, str]]]:
    return sorted(sorted(one.items()) for one in sets)


def test_the_same_labels_and_values(servers: ServerPair) -> None:
    """Label names and label values are the same, with and without a selector."""

    def same(path: str, *fields: tuple[str, str]) -> bool:
        actual, expected = servers.get(path, *fields)
        return bool(actual.data) and actual == expected

    match = ("match[]", 'http_server_request_duration_seconds_count{http_route!=""}')
    for path in ("labels", "label/__name__/values", "label/kind/values", "label/job/values"):
        eventually(lambda path=path: same(path))  # type: ignore[misc] # mypy infers no lambda with a default
    for path in ("labels", "label/http_route/values"):
        eventually(lambda path=path: same(path, match))  # type: ignore[misc] # mypy infers no lambda with a default
    for answer in servers.get("label/nothing/values"):
        assert answer.data == []


def test_the_same_metadata(servers: ServerPair) -> None:
    """Type, help and unit of the metric families are the same."""
    actual, _ = eventually(lambda: same_answers(servers, "metadata"))
    assert actual.data["shop_orders"][0]["help"] == 'Orders, "placed"\nor not.'
    for field in (("metric", "shop_orders"), ("metric", "none"), ("limit", "two")):
        eventually(lambda field=field: same_answers(servers, "metadata", field))  # type: ignore[misc] # mypy infers no lambda with a default
    for fields in ([("limit", "2")], [("limit", "0")]):
        actual, expected = servers.get("metadata", *fields)
        assert len(actual.data) == len(expected.data)


def same_answers(servers: ServerPair, path: str, *fields: tuple[str, str]) -> tuple[Answer, ...]:
    """The answers of both if they are the same: one may have scraped a moment later."""
    found = servers.get(path, *fields)
    return found if found[0] == found[1] else ()


def test_the_same_exemplars(servers: ServerPair) -> None:
    """The exemplars of each selector in a query are the same, in the order of their times."""
    now = time.time()
    span = ("start", str(now - 600)), ("end", str(now + 60))

    def same(query: str) -> bool:
        actual, expected = servers.get("query_exemplars", ("query", query), *span)
        return _exemplars(actual.data) == _exemplars(expected.data)

    for query in ("shop_orders_total", 'rate(shop_orders_total{kind="tea"}[1m]) + up', "up"):
        assert eventually(lambda: same(query)), query  # noqa: B023 called at once
    actual, _ = servers.get("query_exemplars", ("query", "shop_orders_total"), *span)
    assert {one["labels"]["trace_id"] for row in actual.data for one in row["exemplars"]} == {
        "trace-of-tea",
        "trace-of-milk",
    }


def _exemplars(data: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted(
        (
            sorted(row["seriesLabels"].items()),
            [sorted(one.items(), key=str) for one in row["exemplars"]],
        )
        for row in data
    )


def test_the_same_rules(servers: ServerPair) -> None:
    """Groups, rules and alerts have the same members, states, labels and annotations."""

    def same() -> bool:
        actual, expected = (_without_times(answer.data) for answer in servers.get("rules"))
        assert actual["groups"][0]["rules"][3]["health"] == "err"
        return bool(actual == expected)

    assert eventually(same)
    for fields in ([("type", "alert")], [("type", "record")]):
        actual, expected = servers.get("rules", *fields)
        assert _names(actual.data) == _names(expected.data)
    actual, expected = servers.get("rules", ("type", "none"))
    assert actual.status == expected.status == 400


def test_the_same_alerts(servers: ServerPair) -> None:
    """Pending and firing alerts have the same values and annotations."""

    def same() -> Any:
        actual, expected = (_without_times(answer.data) for answer in servers.get("alerts"))
        return actual if actual == expected else None

    states = {one["labels"]["alertname"]: one["state"] for one in eventually(same)["alerts"]}
    assert states == {"Ordered": "firing", "Waiting": "pending"}


TIMES = {"evaluationTime", "lastEvaluation", "activeAt", "file", "lastError"}


def _without_times(found: Any) -> Any:
    """Remove values that differ between the servers, and keep their keys."""
    if isinstance(found, dict):
        return {key: key if key in TIMES else _without_times(value) for key, value in found.items()}
    if isinstance(found, str):
        return re.sub(r"error executing template.*error calling first: ", "", found)
    if isinstance(found, list):
        return [_without_times(one) for one in found]
    return found


def _names(data: Any) -> list[str]:
    return [rule["name"] for group in data["groups"] for rule in group["rules"]]


def test_the_same_build_information(servers: ServerPair) -> None:
    """The members are the same, and the version is one of Prometheus 3."""
    actual, expected = servers.get("status/buildinfo")
    assert actual.data.keys() == expected.data.keys()
    assert actual.data["version"].startswith("3.")


@pytest.mark.parametrize(
    "query",
    [
        "up",
        'sum by (http_route) (http_server_request_duration_seconds_count{http_route!="/pid"})',
        "shop:orders:sum",
        "ALERTS",
        "shop_depth * 1e30",
        "shop_depth / 0",
        "0 / shop_depth * -1",
        "scalar(shop_depth)",
        "vector(1) / 3e-9",
        '"text"',
        "1 + 1",
        "shop_orders_total[30s] offset 1h",
        "sort_desc(shop_orders_total{kind!='milk'})",
        "absent(none_such{a='b'})",
    ],
)
def test_the_same_answers(servers: ServerPair, query: str) -> None:
    """Types, labels and the format of numbers are the same."""

    def same() -> bool:
        now = str(int(time.time()))
        actual, expected = servers.get("query", ("query", query), ("time", now))
        if query.startswith("sort"):
            return bool(actual.data == expected.data)
        return bool(_unordered(actual.data) == _unordered(expected.data))

    assert eventually(same)


def _unordered(data: Any) -> Any:
    if data["resultType"] == "vector":
        return sorted((sorted(row["metric"].items()), row["value"]) for row in data["result"])
    return data


def test_a_range_is_the_same(servers: ServerPair) -> None:
    """Times in seconds, with fractions and as RFC 3339 give the same, as do steps and durations."""
    for start, end, step in (
        ("{0}", "{1}", "5"),
        ("{0}.25", "{1}.75", "2.5"),
        ("{0}.125", "{1}", "1s500ms"),
    ):

        def same(start: str = start, end: str = end, step: str = step) -> bool:
            times = ("start", start.format(*_span())), ("end", end.format(*_span()))
            query = "query", "shop_orders_total > 0"
            actual, expected = servers.get("query_range", query, *times, ("step", step))
            shared = _last_points(actual.data)
            return bool(shared) and shared == _last_points(expected.data)

        assert eventually(same)  # one of the servers has a sample a little earlier
    now = int(time.time())
    written = time.strftime("%Y-%m-%dT%H:%M:%S.500Z", time.gmtime(now))
    fields = [("query", "vector(1)"), ("start", written), ("end", written), ("step", "1m")]
    actual, expected = servers.get("query_range", *fields)
    assert actual == expected
    assert actual.data["result"][0]["values"] == [[now + 0.5, "1"]]


def _span() -> tuple[int, int]:
    now = int(time.time())
    return now - 20, now


def _last_points(data: Any) -> list[tuple[Any, ...]]:
    """Return the last point of each series: the first ones differ in time."""
    return sorted((sorted(row["metric"].items()), row["values"][-1]) for row in data["result"])
