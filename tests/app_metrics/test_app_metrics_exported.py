"""The application's own prometheus_client metrics on our page."""

from typing import Any

import pytest
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from sidelight.contract import METRICS
from tests.app_metrics import example_metrics
from tests.asgi.driver import call, scrape

client = pytest.importorskip("prometheus_client")
core = pytest.importorskip("prometheus_client.core")
parser = pytest.importorskip("prometheus_client.parser")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")
exposition = pytest.importorskip("prometheus_client.exposition")
open_exposition = pytest.importorskip("prometheus_client.openmetrics.exposition")
OPENMETRICS = {"accept": "application/openmetrics-text;version=1.0.0"}
SKIPPED = "sidelight_families_skipped_total"


def read(app: Any, *, opened: bool) -> Any:
    headers = OPENMETRICS if opened else {}
    answer = call(app, "GET", "/metrics", headers=headers)
    assert answer.error is None
    parse = openmetrics if opened else parser
    return list(parse.text_string_to_metric_families(answer.text))


def samples(families: Any, *, worker: bool = False) -> dict[Any, float]:
    found = {}
    for family in families:
        for sample in family.samples:
            labels = {k: v for k, v in sample.labels.items() if worker or k != "worker"}
            found[sample.name, frozenset(labels.items())] = sample.value
    return found


def expected_samples(registry: Any, *, opened: bool) -> dict[Any, float]:
    """What prometheus_client itself shows, without its time of creation."""
    how = open_exposition if opened else exposition
    text = how.generate_latest(registry).decode()
    parse = openmetrics if opened else parser
    found = samples(parse.text_string_to_metric_families(text))
    return {key: value for key, value in found.items() if not key[0].endswith("_created")}


def fill(registry: Any) -> None:
    example_metrics.fill(registry)
    client.Gauge("nothing", "Not a number.", registry=registry).set(float("nan"))


@pytest.mark.parametrize("opened", [False, True], ids=["text", "openmetrics"])
def test_all_kinds_are_as_prometheus_client_shows_them(
    app: FastAPI, registry: Any, *, opened: bool
) -> None:
    """Counters, gauges, histograms, summaries, Info and Enum: same samples, same values."""
    fill(registry)
    expected = expected_samples(registry, opened=opened)
    found = samples(read(app, opened=opened))
    for key, value in expected.items():
        assert key in found, key
        assert repr(found[key]) == repr(value), key


@pytest.mark.parametrize("opened", [False, True], ids=["text", "openmetrics"])
def test_families_are_as_prometheus_client_names_them(
    app: FastAPI, registry: Any, *, opened: bool
) -> None:
    """Kind, help and unit of each family are those prometheus_client writes."""
    fill(registry)
    how = open_exposition if opened else exposition
    parse = openmetrics if opened else parser
    text = how.generate_latest(registry).decode()
    expected = {f.name: f for f in parse.text_string_to_metric_families(text)}
    found = {f.name: f for f in read(app, opened=opened)}
    for name, family in expected.items():
        if not name.endswith("_created"):
            mine = found[name]
            facts = (mine.type, mine.documentation, mine.unit)
            assert facts == (family.type, family.documentation, family.unit)


class Own:
    """A custom collector."""

    def __init__(self, *families: Any) -> None:
        self.families = families

    def collect(self) -> Any:
        yield from self.families

    def describe(self) -> Any:
        return []


def test_a_custom_collector(app: FastAPI, registry: Any) -> None:
    """Families made at the moment of a scrape are on the page."""
    queue = core.GaugeMetricFamily("queue_length", "Jobs.", labels=["queue"])
    queue.add_metric(["mail"], 7)
    sent = core.CounterMetricFamily("mails_sent", "Mails.", value=5)
    odd = core.UnknownMetricFamily("odd", "No type.", value=2)
    registry.register(Own(queue, sent, odd))
    for opened in (False, True):
        found = samples(read(app, opened=opened))
        assert found["queue_length", frozenset({("queue", "mail")})] == 7
        assert found["mails_sent_total", frozenset()] == 5
        assert found["odd", frozenset()] == 2


def test_values_are_of_now(app: FastAPI, registry: Any) -> None:
    """A process that is alone shows its metrics as they are at the scrape."""
    counter = client.Counter("orders", "Orders.", registry=registry)
    for number in range(1, 4):
        counter.inc()
        assert scrape(app).value("orders_total") == number


def test_no_family_without_a_registry(app: FastAPI) -> None:
    """An application without metrics of its own exports only the families of the contract."""
    contract = {name.removesuffix("_total").removesuffix("_info") for name in METRICS}
    found = {family.name for family in read(app, opened=True)}
    assert found
    assert found <= contract
    client.Counter("orders", "Orders.", registry=client.REGISTRY)
    assert {family.name for family in read(app, opened=True)} - contract == {"orders"}


@pytest.mark.parametrize(
    "make",
    [
        lambda r: client.Counter("fastapi_exceptions", "Mine.", registry=r).inc(),
        lambda r: client.Gauge("http_server_active_requests", "Mine.", registry=r).set(9),
        lambda r: client.Histogram(
            "http_server_request_duration_seconds", "Mine.", registry=r
        ).observe(9),
        lambda r: client.Summary(
            "fastapi_background_task_duration_seconds", "Mine.", registry=r
        ).observe(9),
        lambda r: client.Info("target", "Mine.", registry=r).info({"a": "b"}),
        lambda r: client.Gauge("target_info", "Mine.", registry=r).set(9),
        lambda r: client.Gauge("fastapi_exceptions", "Mine.", registry=r).set(9),
        lambda r: client.Counter("sidelight_anything", "Mine.", registry=r).inc(9),
        lambda r: client.Gauge(
            "http_server_request_duration_seconds_count", "Mine.", registry=r
        ).set(9),
        lambda r: client.Gauge(
            "fastapi_background_task_duration_seconds_bucket", "Mine.", registry=r
        ).set(9),
        lambda r: client.Gauge("fastapi_time_to_first_byte_seconds_sum", "Mine.", registry=r).set(
            9
        ),
    ],
    ids=range(11),
)
def test_a_name_that_is_taken(app: FastAPI, registry: Any, make: Any) -> None:
    """A family with a name of Sidelight's own is left out and counted; others stay."""
    make(registry)
    client.Counter("orders", "Orders.", registry=registry).inc(4)
    for opened in (False, True):
        families = read(app, opened=opened)
        assert "Mine." not in {family.documentation for family in families}
        assert samples(families)["orders_total", frozenset()] == 4
    page = scrape(app)
    assert page.by(SKIPPED, "reason") == {"name_taken": 1}


def test_the_default_collectors_are_left_out(app: FastAPI, registry: Any) -> None:
    """prometheus_client's process, platform and garbage collectors add no second series."""
    client.ProcessCollector(registry=registry)
    client.PlatformCollector(registry=registry)
    client.GCCollector(registry=registry)
    client.Counter("orders", "Orders.", registry=registry).inc(4)
    page = scrape(app)
    assert page.value("orders_total") == 4
    assert len(page.series("process_cpu_seconds_total")) == 1
    assert page.series("python_info") == []
    assert page.value(SKIPPED) == 0


def test_a_collector_that_fails(app: FastAPI, registry: Any) -> None:
    """A collector of the application's that raises costs its metrics, and not the page."""

    class Failing:
        def collect(self) -> Any:
            raise ZeroDivisionError

        def describe(self) -> Any:
            return []

    registry.register(Failing())
    page = scrape(app)
    assert page.value("sidelight_workers") == 1
    assert page.by("sidelight_collector_errors_total", "collector") == {"Failing": 1}
    assert page.series("sidelight_internal_errors_total") == []


def test_a_gauge_that_has_a_label_named_worker(app: FastAPI, registry: Any) -> None:
    """A gauge's own label ``worker`` stays, and the page can be read."""
    client.Gauge("jobs", "Jobs.", ["worker"], registry=registry).labels("mail").set(3)
    for opened in (False, True):
        found = samples(read(app, opened=opened), worker=True)
        values = [(labels, value) for (name, labels), value in found.items() if name == "jobs"]
        ((labels, value),) = values
        assert value == 3
        assert ("worker", "mail") in labels or ("exported_worker", "mail") in labels


@pytest.mark.parametrize("mode", ["sum", "max", "min", "livesum", "livemax", "livemin"])
def test_a_gauge_with_a_mode_needs_no_worker(app: FastAPI, registry: Any, mode: str) -> None:
    """A gauge that says how its processes add up is one series."""
    client.Gauge("jobs", "Jobs.", multiprocess_mode=mode, registry=registry).set(3)
    assert scrape(app).series("jobs") == [{}]


@pytest.mark.parametrize("mode", ["all", "liveall", "mostrecent", "livemostrecent"])
def test_a_gauge_without_a_mode_goes_by_worker(app: FastAPI, registry: Any, mode: str) -> None:
    """A gauge that cannot be summed, or whose newest value is unknown, has the label worker."""
    client.Gauge("jobs", "Jobs.", multiprocess_mode=mode, registry=registry).set(3)
    assert scrape(app).series("jobs") == [{"worker": "0"}]


def test_names_that_end_like_a_time_of_creation(app: FastAPI, registry: Any) -> None:
    """Only prometheus_client's own times of creation are left out, not what is called so."""
    client.Counter("orders_created", "Orders.", registry=registry).inc(2)
    client.Gauge("last_created", "When.", registry=registry).set(5)
    client.Enum("job_created", "State.", states=["yes", "no"], registry=registry).state("no")
    registry.register(Own(core.UnknownMetricFamily("odd_created", "Odd.", value=7)))
    page = scrape(app)
    assert page.value("orders_created_total") == 2
    assert page.value("last_created") == 5
    assert page.value("job_created", job_created="no") == 1
    assert page.value("odd_created") == 7


def test_hostile_label_values(app: FastAPI, registry: Any) -> None:
    """Label values and help texts of any kind can be read back."""
    hostile = ['"', "\\", "\n", "\\n", 'a="b",c', "}", "é日", "\u2028", "\r", "", " ", "%s", "#"]
    gauge = client.Gauge("odd", 'Help "quoted" \\ and\nbroken.', ["v"], registry=registry)
    for value in hostile:
        gauge.labels(value).set(1)
    for opened in (False, True):
        families = {family.name: family for family in read(app, opened=opened)}
        assert {s.labels["v"] for s in families["odd"].samples} == set(hostile)
        assert families["odd"].documentation == 'Help "quoted" \\ and\nbroken.'


def test_a_label_value_that_is_no_text(app: FastAPI, registry: Any) -> None:
    """A label value with half a character in it costs at most its family, and not the page."""
    client.Counter("files", "Files.", ["name"], registry=registry).labels("\udcff").inc()
    answer = call(app, "GET", "/metrics")
    assert answer.error is None
    assert answer.page.value("sidelight_workers") == 1


def test_a_nul_in_a_label_value(app: FastAPI, registry: Any) -> None:
    """Two label values that differ in a NUL alone make no series twice."""
    counter = client.Counter("files", "Files.", ["name"], registry=registry)
    counter.labels("a").inc()
    counter.labels("a\0").inc(2)
    assert scrape(app).value("files_total") == 3


def test_exemplars_of_the_application(app: FastAPI, registry: Any) -> None:
    """Exemplars of the application's own stay, in OpenMetrics only."""
    client.Counter("orders", "Orders.", registry=registry).inc(1, {"trace_id": "trace-of-an-order"})
    client.Histogram("waits", "Waits.", registry=registry).observe(
        0.1, {"trace_id": "trace-of-a-wait"}
    )
    found = [
        sample.exemplar.labels["trace_id"]
        for family in read(app, opened=True)
        for sample in family.samples
        if sample.exemplar
    ]
    assert sorted(found) == ["trace-of-a-wait", "trace-of-an-order"]
    text = call(app, "GET", "/metrics").text
    assert "trace-of" not in text


def test_removed_label_sets_are_gone(app: FastAPI, registry: Any) -> None:
    """What the application removes is gone from the next page."""
    gauge = client.Gauge("jobs", "Jobs.", ["q"], registry=registry)
    gauge.labels("a").set(1)
    assert len(scrape(app).series("jobs")) == 1
    gauge.remove("a")
    assert scrape(app).series("jobs") == []


def test_a_gauge_histogram(app: FastAPI, registry: Any) -> None:
    """A histogram that may fall is one family that both parsers read."""
    family = core.GaugeHistogramMetricFamily(
        "ages", "Ages.", buckets=[("1.0", 2), ("+Inf", 3)], gsum_value=7
    )
    registry.register(Own(family))
    open_found = samples(read(app, opened=True))
    assert open_found["ages_gsum", frozenset()] == 7
    assert open_found["ages_gcount", frozenset()] == 3
    read(app, opened=False)


def test_with_the_default_registry() -> None:
    """prometheus_client's default registry as it is at import adds no second series."""
    collected = {family.name for family in client.REGISTRY.collect()}
    assert {"process_resident_memory_bytes", "python_info"} <= collected
    alone = FastAPI(openapi_url=None)
    alone.add_middleware(SidelightMiddleware)
    page = scrape(alone)
    assert len(page.series("process_resident_memory_bytes")) == 1
    assert page.series("python_info") == []
