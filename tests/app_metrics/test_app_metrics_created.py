"""When the series of the application's own metrics began: over workers, their end, and formats."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sidelight.app_metrics import families as app_families
from sidelight.app_metrics.families import AppFamily, SampleKey
from sidelight.app_metrics.registry import families_of
from sidelight.export import protobuf
from sidelight.export.prometheus import render
from sidelight.export.snapshot import Snapshot
from sidelight.store.directory import Directory
from sidelight.store.writer import WorkerFile
from sidelight.text_format import Escaping, ExpositionFormat
from tests.asgi.driver import call
from tests.export.otlp_service import service, snapshot_of
from tests.export.protobuf_page import families
from tests.store.driving import killed, worker
from tests.store.pages import Reader, Samples, open_parser, samples

client = pytest.importorskip("prometheus_client")
core = pytest.importorskip("prometheus_client.core")
client_exposition = pytest.importorskip("prometheus_client.openmetrics.exposition")

Times = dict[SampleKey, float]
SHOP = (("shop", "a"),)
COUNT, SUM = ("_total", ()), ("_sum", ())


@pytest.fixture
def workers(where: Directory) -> Iterator[list[WorkerFile]]:
    """Two that run; a test may end the second."""
    found = [worker(where, 1), worker(where, 1)]
    yield found
    for file in found:
        killed(file)


def counter(name: str, *times: float | None) -> list[Any]:
    return [name, "counter", "Help.", "", "", [["_total", [], 1, *times]], []]


def put(where: Directory, file: WorkerFile, *families: Any) -> None:
    where.write(file.name.replace(".worker", ".user"), json.dumps(families).encode())


def created(snapshot: Snapshot) -> dict[str, Times]:
    return {name: family.created for name, family in snapshot.app_families.items()}


def opened(snapshot: Snapshot, **options: Any) -> str:
    return b"".join(render(snapshot, ExpositionFormat.OPENMETRICS, **options)).decode()


def parsed(page: str) -> Samples:
    return samples(open_parser.text_string_to_metric_families(page))


def test_it_is_what_prometheus_client_says(registry: Any) -> None:
    """Counters, histograms and summaries have the time at which each label set was first used."""
    orders = client.Counter("orders", "Orders.", ["shop"], registry=registry)
    orders.labels("a").inc()
    waits = client.Histogram("waits", "Waits.", buckets=[1], registry=registry)
    sizes = client.Summary("sizes", "Sizes.", registry=registry)
    level = client.Gauge("level", "Level.", registry=registry)
    found = {
        one.name: one.created for each in (orders, waits, sizes, level) for one in families_of(each)
    }
    assert found == {
        "orders": {("_total", SHOP): orders.labels("a")._created},
        "waits": {SUM: waits._created},
        "sizes": {SUM: sizes._created},
        "level": {},
    }


def test_a_collector_of_the_applications_own_may_know_it() -> None:
    """It is kept of the series of which a collector says it, and of no other."""
    made = core.CounterMetricFamily("calls", "Calls.", labels=["shop"])
    made.add_metric(["a"], 1, created=5.25)
    made.add_metric(["b"], 2)
    made.samples.append(core.Sample("calls_created", {"shop": "none"}, 3, None, None))
    odd = core.GaugeMetricFamily("odd", "Odd.", value=1)
    odd.samples.append(core.Sample("odd_created", {}, 3, None, None))

    class Own:
        def collect(self) -> list[Any]:
            return [made, odd]

    calls, other = families_of(Own())
    assert calls.created == {("_total", SHOP): 5.25}
    assert other.created == {}
    assert other.samples == {("", ()): 1.0}


def test_a_snapshot_keeps_it() -> None:
    """A file has it with a timestamp of the sample and without one."""
    family = AppFamily("orders", "counter", "Orders.", "", "", {("_total", SHOP): 1.0, COUNT: 2.0})
    family.created = {("_total", SHOP): 1_700_000_000.1234567, COUNT: 3.0}
    family.timestamps = {COUNT: 9.0}
    assert app_families.decode(app_families.encode([family])) == [family]


def test_a_sum_over_workers_began_with_the_first(
    where: Directory, workers: list[WorkerFile]
) -> None:
    """It has the earliest time, also in the totals, and none where a part of it has none."""
    first, second = workers
    put(where, first, counter("a", None, 5.5), counter("b", None, 7), counter("c", None, 9))
    put(where, second, counter("a", 8.0, 6), counter("b", None, 4.25), counter("c"))
    expected = {"a": {COUNT: 5.5}, "b": {COUNT: 4.25}, "c": {}}
    assert created(Reader(where).snapshot()) == expected
    killed(workers.pop())
    staying = Reader(where)
    assert created(staying.snapshot()) == expected
    assert staying.snapshot().app_families["b"].samples == {COUNT: 2.0}
    killed(workers.pop())
    assert created(staying.snapshot()) == expected
    workers.append(worker(where, 1))
    put(where, workers[0], counter("a", None, 5), counter("b", None, 99), counter("d", None, 1))
    assert created(staying.snapshot()) == {
        "a": {COUNT: 5},
        "b": {COUNT: 4.25},
        "c": {},
        "d": {COUNT: 1},
    }


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1, 0, 1e300, 9e9])
def test_a_time_that_is_none_is_left_out(
    where: Directory, workers: list[WorkerFile], seconds: float
) -> None:
    """One that no reader can take costs neither the sample nor the page."""
    put(where, workers[0], counter("orders", None, seconds))
    snapshot = Reader(where).snapshot()
    assert created(snapshot) == {"orders": {}}
    assert "\norders_total 1.0\n" in opened(snapshot, created=True)


def test_only_one_sample_of_a_series_has_it(where: Directory, workers: list[WorkerFile]) -> None:
    """A file that gives it to each sample and to gauges adds no sample twice."""
    told = [
        ["_bucket", [["le", "+Inf"]], 1, None, 3],
        ["_count", [], 1, None, 4],
        ["_sum", [], 1, None, 5],
    ]
    gauge = ["level", "gauge", "Help.", "", "sum", [["", [], 1, None, 5]], []]
    broken = ["bad", "histogram", "Help.", "", "", [["_sum", [], 1, None, 5]], []]
    put(where, workers[0], ["waits", "histogram", "Help.", "", "", told, []], gauge, broken)
    snapshot = Reader(where).snapshot()
    assert created(snapshot) == {"waits": {SUM: 5}, "level": {}, "bad_sum": {}}
    page = parsed(opened(snapshot, created=True))
    assert page["waits_created", frozenset()] == 5
    assert [name for name, _ in page if "waits" in name or "level" in name or "bad" in name] == [
        *("waits_bucket", "waits_count", "waits_sum", "waits_created", "level", "bad_sum")
    ]


def test_text_has_it_where_it_is_asked_for() -> None:
    """OpenMetrics has ``_created`` beside each series with the option, and text 0.0.4 never."""
    orders = AppFamily("shop.orders", "counter", "Orders.", "", "", {("_total", SHOP): 3.0})
    orders.created = {("_total", SHOP): 1_700_000_000.25}
    orders.exemplars = {("_total", SHOP): ((("trace_id", "x"),), 1.0, None)}
    snapshot = Snapshot(app_families={"shop.orders": orders})
    head = "# HELP shop_orders Orders.\n# TYPE shop_orders counter\n"
    total = 'shop_orders_total{shop="a"} 3.0 # {trace_id="x"} 1.0\n'
    assert opened(snapshot) == f"{head}{total}# EOF\n"
    began = 'shop_orders_created{shop="a"} 1700000000.25\n'
    assert opened(snapshot, created=True) == f"{head}{total}{began}# EOF\n"
    quoted = opened(snapshot, created=True, escaping=Escaping.ALLOW_UTF_8)
    assert '\n{"shop.orders_created",shop="a"} 1700000000.25\n' in quoted
    text = b"".join(render(snapshot, ExpositionFormat.TEXT, created=True))
    assert b"_created" not in text


@pytest.mark.parametrize("asked", [True, False])
def test_the_setting_says_so(registry: Any, asked: bool, tmp_path: Path) -> None:  # noqa: FBT001 a parameter
    """A worker's page has what prometheus_client itself shows with ``created_series``."""
    client.Counter("orders", "Orders.", registry=registry).inc()
    client.Histogram("waits", "Waits.", ["shop"], registry=registry).labels("a").observe(1)
    app = service(created_series=asked, directory=str(tmp_path / "store"))
    answer = call(app, "GET", "/metrics", headers={"accept": "application/openmetrics-text"})
    own = client_exposition.generate_latest(registry).decode()
    wanted, found = (
        {key: value for key, value in page.items() if key[0] in {"orders_created", "waits_created"}}
        for page in map(parsed, (own, answer.text))
    )
    assert len(wanted) == 2
    assert found == (wanted if asked else {})


def test_protobuf_has_it(registry: Any) -> None:
    """A counter, a histogram and a summary have a start timestamp, which needs no setting."""
    orders, waits, sizes = (
        client.Counter("orders", "Orders.", registry=registry),
        client.Histogram("waits", "Waits.", registry=registry),
        client.Summary("sizes", "Sizes.", registry=registry),
    )
    client.Gauge("level", "Level.", registry=registry)
    page = families(b"".join(protobuf.render(snapshot_of(service()))))
    (metrics,) = [{one.name: one.metric[0] for one in page}]
    for metric, value in (
        (orders, metrics["orders_total"].counter),
        (waits, metrics["waits"].histogram),
        (sizes, metrics["sizes"].summary),
    ):
        when = value.created_timestamp
        assert (when.seconds * 10**9 + when.nanos) == round(metric._created * 10**9)


def test_a_series_without_has_none_in_protobuf() -> None:
    """Of a series whose start is not known, the message has no start timestamp."""
    orders = AppFamily("orders", "counter", "Orders.", "", "", {COUNT: 3.0})
    (page,) = families(b"".join(protobuf.render(Snapshot(app_families={"orders": orders}))))
    assert not page.metric[0].counter.HasField("created_timestamp")
