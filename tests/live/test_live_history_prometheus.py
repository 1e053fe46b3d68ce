"""The sidecar's API beside a real Prometheus that scrapes the same sidecar."""

import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.live.asking import Answer, get, post, prometheus
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
CONFIG = """\
global: {{scrape_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Both(NamedTuple):
    """The two ports."""

    ours: int
    theirs: int

    def get(self, path: str, *fields: tuple[str, str]) -> tuple[Answer, Answer]:
        return get(self.ours, path, *fields), get(self.theirs, path, *fields)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A service that was used, a sidecar that remembers it, and a Prometheus that scrapes that."""
    where = tmp_path_factory.mktemp("both")
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
            prometheus(CONFIG.format(port=sidecar.port), where) as port,
        ):
            found = Both(sidecar.port, port)
            eventually(lambda: _settled(found))
            yield found
    finally:
        server.destroy()


def _settled(both: Both) -> bool:
    """Both have rules that were evaluated and what the application counted."""
    for port in both:
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
def test_the_same_series(both: Both, match: str) -> None:
    """A selector finds the same label sets, the scrape's own and the rules' among them."""

    def same() -> bool:
        ours, theirs = both.get("series", ("match[]", match))
        return bool(ours.data) and _sorted(ours.data) == _sorted(theirs.data)

    eventually(same)


def _sorted(sets: list[dict[str, str]]) -> list[list[tuple[str, str]]]:
    return sorted(sorted(one.items()) for one in sets)


def test_the_same_labels_and_values(both: Both) -> None:
    """Names, and the values of each, with and without a selector."""

    def same(path: str, *fields: tuple[str, str]) -> bool:
        ours, theirs = both.get(path, *fields)
        return bool(ours.data) and ours == theirs

    match = ("match[]", 'http_server_request_duration_seconds_count{http_route!=""}')
    for path in ("labels", "label/__name__/values", "label/kind/values", "label/job/values"):
        eventually(lambda path=path: same(path))  # type: ignore[misc]
    for path in ("labels", "label/http_route/values"):
        eventually(lambda path=path: same(path, match))  # type: ignore[misc]
    for answer in both.get("label/nothing/values"):
        assert answer.data == []


def test_the_same_metadata(both: Both) -> None:
    """Kind, help and unit of each family, all of them or one."""
    ours, theirs = both.get("metadata")
    assert ours.data == theirs.data
    assert ours.data["shop_orders"][0]["help"] == 'Orders, "placed"\nor not.'
    for fields in ([("metric", "shop_orders")], [("metric", "none")]):
        ours, theirs = both.get("metadata", *fields)
        assert ours == theirs
    for fields in ([("limit", "2")], [("limit", "0")]):
        ours, theirs = both.get("metadata", *fields)
        assert len(ours.data) == len(theirs.data)
    ours, theirs = both.get("metadata", ("limit", "two"))
    assert ours == theirs


def test_the_same_exemplars(both: Both) -> None:
    """Of each selector in a query, by series, in the order of their times."""
    now = time.time()
    span = ("start", str(now - 600)), ("end", str(now + 60))
    for query in ("shop_orders_total", 'rate(shop_orders_total{kind="tea"}[1m]) + up', "up"):
        ours, theirs = both.get("query_exemplars", ("query", query), *span)
        assert _exemplars(ours.data) == _exemplars(theirs.data), query
    ours, _ = both.get("query_exemplars", ("query", "shop_orders_total"), *span)
    assert {one["labels"]["trace_id"] for row in ours.data for one in row["exemplars"]} == {
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


def test_the_same_rules(both: Both) -> None:
    """Groups, rules and alerts have the same members, states, labels and texts."""

    def same() -> bool:
        ours, theirs = (_plain(answer.data) for answer in both.get("rules"))
        assert ours["groups"][0]["rules"][3]["health"] == "err"
        return bool(ours == theirs)

    eventually(same)
    for fields in ([("type", "alert")], [("type", "record")]):
        ours, theirs = both.get("rules", *fields)
        assert _names(ours.data) == _names(theirs.data)
    ours, theirs = both.get("rules", ("type", "none"))
    assert ours.status == theirs.status == 400


def test_the_same_alerts(both: Both) -> None:
    """Those that are pending or firing, with their values and annotations."""
    ours, theirs = both.get("alerts")
    assert _plain(ours.data) == _plain(theirs.data)
    states = {one["labels"]["alertname"]: one["state"] for one in ours.data["alerts"]}
    assert states == {"Ordered": "firing", "Waiting": "pending"}


TIMES = {"evaluationTime", "lastEvaluation", "activeAt", "file", "lastError"}


def _plain(found: Any) -> Any:
    """Without what differs from one server to the other, though it must be there."""
    if isinstance(found, dict):
        return {key: key if key in TIMES else _plain(value) for key, value in found.items()}
    if isinstance(found, str):
        return re.sub(r"error executing template.*error calling first: ", "", found)
    if isinstance(found, list):
        return [_plain(one) for one in found]
    return found


def _names(data: Any) -> list[str]:
    return [rule["name"] for group in data["groups"] for rule in group["rules"]]


def test_the_same_build_information(both: Both) -> None:
    """All members that clients look at; the version is the one whose API this is."""
    ours, theirs = both.get("status/buildinfo")
    assert ours.data.keys() == theirs.data.keys()
    assert ours.data["version"].startswith("3.")


NOW = "1700000000"
RANGE = ("start", NOW), ("end", NOW)
BAD: list[tuple[str, list[tuple[str, str]]]] = [
    ("query", []),
    ("query", [("query", "sum(")]),
    ("query", [("query", "up"), ("time", "yesterday")]),
    ("query", [("query", "up"), ("timeout", "soon")]),
    ("query_range", [("query", "up")]),
    ("query_range", [("query", "up"), ("start", NOW)]),
    ("query_range", [("query", "up"), ("start", NOW), ("end", "1600000000"), ("step", "5")]),
    ("query_range", [("query", "up"), *RANGE]),
    ("query_range", [("query", "up"), *RANGE, ("step", "0")]),
    ("query_range", [("query", "up"), *RANGE, ("step", "-5s")]),
    ("query_range", [("query", "up"), *RANGE, ("step", "five")]),
    ("query_range", [("query", "up"), ("start", "0"), ("end", NOW), ("step", "1")]),
    ("query_range", [("query", '"text"'), *RANGE, ("step", "5")]),
    ("query_range", [("query", "sum("), *RANGE, ("step", "5")]),
    ("series", []),
    ("series", [("match[]", "{}")]),
    ("series", [("match[]", "up[5m]")]),
    ("series", [("match[]", "up"), ("start", "x")]),
    ("labels", [("match[]", "sum(up)")]),
    ("labels", [("end", "x")]),
    ("label/a-b/values", []),
    ("query_exemplars", [("query", "sum(")]),
    ("query_exemplars", [("query", "up"), ("start", NOW), ("end", "1600000000")]),
]


@pytest.mark.parametrize(("path", "fields"), BAD, ids=str)
def test_the_same_refusals(both: Both, path: str, fields: list[tuple[str, str]]) -> None:
    """Bad requests get the same status, type of error and words, by GET and by POST."""
    ours, theirs = both.get(path, *fields)
    assert (ours.status, ours.body["errorType"]) == (theirs.status, theirs.body["errorType"])
    said, expected = (answer.body["error"] for answer in (ours, theirs))
    assert _words(said) == _words(expected)
    if not path.startswith("label/"):
        assert post(both.ours, path, *fields) == ours


def _words(error: str) -> str:
    """Without the name of the parameter, which later versions add, and the parser's own words."""
    error = re.sub(r'^invalid parameter "[^"]+": ', "", error)
    error = re.sub(r"^(\d+:\d+|unknown position): ", "", error)
    return error if "parse error" not in error and "matcher" not in error else "parse error"


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
def test_the_same_answers(both: Both, query: str) -> None:
    """Types, labels and the writing of numbers are the same, at any of the ways to give a time."""

    def same() -> bool:
        now = str(int(time.time()))
        ours, theirs = both.get("query", ("query", query), ("time", now))
        if query.startswith("sort"):
            return bool(ours.data == theirs.data)
        return bool(_unordered(ours.data) == _unordered(theirs.data))

    eventually(same)


def _unordered(data: Any) -> Any:
    if data["resultType"] == "vector":
        return sorted((sorted(row["metric"].items()), row["value"]) for row in data["result"])
    return data


def test_a_range_is_the_same(both: Both) -> None:
    """Times in seconds, with fractions, and by RFC 3339; steps in seconds and as durations."""
    for start, end, step in (
        ("{0}", "{1}", "5"),
        ("{0}.25", "{1}.75", "2.5"),
        ("{0}.125", "{1}", "1s500ms"),
    ):

        def same(start: str = start, end: str = end, step: str = step) -> bool:
            times = ("start", start.format(*_span())), ("end", end.format(*_span()))
            query = "query", "shop_orders_total > 0"
            ours, theirs = both.get("query_range", query, *times, ("step", step))
            shared = _last_points(ours.data)
            return bool(shared) and shared == _last_points(theirs.data)

        eventually(same)  # one of the two has a sample a little earlier
    now = int(time.time())
    written = time.strftime("%Y-%m-%dT%H:%M:%S.500Z", time.gmtime(now))
    fields = [("query", "vector(1)"), ("start", written), ("end", written), ("step", "1m")]
    ours, theirs = both.get("query_range", *fields)
    assert ours == theirs
    assert ours.data["result"][0]["values"] == [[now + 0.5, "1"]]


def _span() -> tuple[int, int]:
    now = int(time.time())
    return now - 20, now


def _last_points(data: Any) -> list[tuple[Any, ...]]:
    """The last point of each: they began at different times."""
    return sorted((sorted(row["metric"].items()), row["values"][-1]) for row in data["result"])
