"""What a test reads of the applications it drives."""

import asyncio
import gc
from collections import Counter as Counts
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from sidelight import watch
from sidelight.testing import Metrics, UnknownError
from sidelight.testing.lookup import quantile, requested_routes
from sidelight.testing.measured_test import MeasuredTest, measuring
from sidelight.testing.metric_data import MetricSeries
from tests.descriptors import open_descriptors
from tests.testing.shops import TestClient, shop

pytestmark = pytest.mark.newest

DURATION = "http_server_request_duration_seconds"
SOLD = Counter("testing_sold_total", "Things sold.", ["kind"], registry=None)
STOCK = Gauge("testing_stock", "Things there.", registry=None)
WEIGHT = Histogram("testing_weight_kilograms", "What things weigh.", buckets=[1, 10], registry=None)


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    """These are the applications' own only as long as the tests of this file run."""
    for metric in (SOLD, STOCK, WEIGHT):
        REGISTRY.register(metric)
    yield
    for metric in (SOLD, STOCK, WEIGHT):
        REGISTRY.unregister(metric)


@pytest.mark.parametrize("name", [DURATION, "http_server_request_duration", DURATION + "_count"])
def test_a_name_has_many_spellings(sidelight_metrics: Metrics, name: str) -> None:
    """A metric is found by its name with its endings and without."""
    TestClient(shop()).get("/quick/1")
    if name.endswith("_count"):
        assert sidelight_metrics.value(name) == 1
    else:
        assert sidelight_metrics.count(name) == 1


def test_labels_have_short_names_and_are_summed_where_missing(sidelight_metrics: Metrics) -> None:
    """Labels are given by keyword or mapping, in full or for short; the rest is summed over."""
    client = TestClient(shop(slow_request_threshold=1e-9))
    client.get("/quick/1")
    client.get("/quick/2")
    client.post("/items", json={"name": "a"})
    metrics = sidelight_metrics
    assert metrics.value("fastapi_slow_requests") == 3
    assert metrics.value("fastapi_slow_requests_total", route="/quick/{x}", method="GET") == 2
    assert metrics.value("fastapi_slow_requests_total", {"http_route": "/quick/{x}"}) == 2
    assert metrics.count("http.server.request.duration", status=422) == 1
    assert metrics.value("fastapi_slow_requests", route="/items", method="GET") == 0


def test_a_histogram_has_count_sum_quantile_and_buckets(sidelight_metrics: Metrics) -> None:
    """Count and sum are exact; a quantile is the two edges of the bucket it is in."""
    client = TestClient(shop(buckets=[0.05, 60]))
    for _ in range(3):
        client.get("/wait/0.06")
    assert sidelight_metrics.count(DURATION) == 3
    assert 0.18 <= sidelight_metrics.sum(DURATION, route="/wait/{seconds}") < 60
    found = sidelight_metrics.quantile(DURATION, 0.5)
    assert (found.low, found.high) == (0.05, 1.0)
    assert str(found) == "between 0.05 and 1 s"
    assert sidelight_metrics.value(DURATION + "_bucket", le=60) == 3
    assert sidelight_metrics.value(DURATION + "_bucket", le=0.05) == 0


@pytest.mark.parametrize(
    ("q", "edges"), [(0.0, (0.0, 1.0)), (0.5, (0.0, 1.0)), (0.51, (1.0, 10.0)), (1.0, (1.0, 10.0))]
)
def test_a_quantile_at_an_edge_is_in_the_lower_bucket(q: float, edges: tuple[float, ...]) -> None:
    """With half of the observations in each bucket the median is in the lower one."""
    series = MetricSeries(22.0, Counts({(0.0, 1.0): 2, (1.0, 10.0): 2}))
    assert quantile(series, q) == edges


def test_what_kind_it_is_says_how_to_ask(sidelight_metrics: Metrics) -> None:
    """A histogram has no one value, a counter no count, and 2 is no quantile."""
    TestClient(shop()).get("/quick/1")
    with pytest.raises(TypeError, match="ask for its count"):
        sidelight_metrics.value(DURATION)
    with pytest.raises(TypeError, match="ask for its value"):
        sidelight_metrics.count("fastapi_slow_requests_total")
    with pytest.raises(ValueError, match="q=2"):
        sidelight_metrics.quantile(DURATION, 2)
    with pytest.raises(UnknownError, match="no observation"):
        sidelight_metrics.quantile("fastapi_time_to_first_byte_seconds", 0.5)


def test_gauges_are_as_they_are_now(sidelight_metrics: Metrics) -> None:
    """A gauge is no difference: the memory of the process is the whole of it, once."""
    TestClient(shop()).get("/quick/1")
    TestClient(shop()).get("/quick/1")
    assert 1e6 < sidelight_metrics.value("process_resident_memory_bytes") < 1e10
    assert sidelight_metrics.value("http_server_active_requests") == 0
    threshold = "fastapi_slow_request_threshold_seconds"
    assert sidelight_metrics.value(threshold, route="/quick/{x}") == 1


@pytest.fixture
def used() -> TestClient:
    """An application that served requests before the metrics are looked at."""
    client = TestClient(shop(slow_request_threshold=1e-9))
    for _ in range(5):
        client.get("/quick/1")
    SOLD.labels("book").inc(5)
    return client


def test_only_this_test_counts(used: TestClient, sidelight_metrics: Metrics) -> None:
    """What an application served before the fixture began is none of this test."""
    used.get("/quick/1")
    SOLD.labels("book").inc()
    assert sidelight_metrics.count(DURATION) == 1
    assert sidelight_metrics.count(DURATION, route="/quick/{x}") == 1
    assert sidelight_metrics.value("fastapi_slow_requests") == 1
    assert sidelight_metrics.value("testing_sold_total", kind="book") == 1


def test_a_route_of_an_earlier_test_was_not_asked_for(
    used: TestClient, sidelight_metrics: Metrics
) -> None:
    """A route is known only if it was asked for in this test."""
    used.post("/items", json={})
    with pytest.raises(UnknownError, match=r"'/quick/\{x\}' was not asked for.*were: '/items'"):
        sidelight_metrics.count(DURATION, route="/quick/{x}")


def test_the_applications_own_metrics(sidelight_metrics: Metrics) -> None:
    """Counters, gauges and histograms of prometheus_client are read in the same way."""
    SOLD.labels("pen").inc(2)
    STOCK.set(7)
    WEIGHT.observe(5)
    WEIGHT.observe(0.5)
    assert sidelight_metrics.value("testing_sold", kind="pen") == 2
    assert sidelight_metrics.value("testing_stock") == 7
    assert sidelight_metrics.count("testing_weight_kilograms") == 2
    assert sidelight_metrics.sum("testing_weight_kilograms") == 5.5
    assert sidelight_metrics.quantile("testing_weight_kilograms", 0.9)[:] == (1, 10)
    with pytest.raises(UnknownError, match="its labels are: kind"):
        sidelight_metrics.value("testing_sold", color="red")


def test_the_metrics_of_a_registry_of_ones_own(sidelight_metrics: Metrics) -> None:
    """With ``registry=`` the metrics of that registry are read, not those of the default one."""
    own, other = CollectorRegistry(), CollectorRegistry()
    metrics = [Counter("testing_orders", "Orders.", registry=one) for one in (own, other)]
    metrics[0].inc(5)  # before the application is there
    first, second = shop(registry=own), shop(registry=other)
    for app in (first, first, second):
        TestClient(app).get("/quick/1")
    metrics[0].inc(2)
    metrics[1].inc()
    assert sidelight_metrics.value("testing_orders") == 3
    assert sidelight_metrics.of(first).value("testing_orders") == 2
    assert sidelight_metrics.of(second).value("testing_orders") == 1
    with pytest.raises(UnknownError, match="no metric is called 'testing_sold_total'"):
        sidelight_metrics.of(first).value("testing_sold_total")


def test_the_default_registry_by_its_name(sidelight_metrics: Metrics) -> None:
    """The default registry counts once, whether an application names it or not."""
    for app in (shop(), shop(registry=REGISTRY)):
        TestClient(app).get("/quick/1")
    SOLD.labels("ink").inc()
    assert sidelight_metrics.value("testing_sold_total", kind="ink") == 1


def test_a_collector_that_fails_reaches_no_test(sidelight_metrics: Metrics) -> None:
    """The other metrics of its registry are read, and the requests are answered."""
    own = CollectorRegistry()
    Gauge("testing_broken", "Broken.", registry=own).set_function(lambda: 1 / 0)
    orders = Counter("testing_orders", "Orders.", registry=own)
    assert TestClient(shop(registry=own)).get("/quick/1").status_code == 200
    orders.inc()
    assert sidelight_metrics.value("testing_orders") == 1
    with pytest.raises(UnknownError, match="no metric is called 'testing_broken'"):
        sidelight_metrics.value("testing_broken")


def test_several_applications_are_summed_and_told_apart(sidelight_metrics: Metrics) -> None:
    """All applications count together; ``of`` reads one alone."""
    first, second = shop(), shop()
    TestClient(first).get("/quick/1")
    for _ in range(2):
        TestClient(second).get("/quick/1")
    assert sidelight_metrics.count(DURATION) == 3
    assert sidelight_metrics.of(first).count(DURATION) == 1
    assert sidelight_metrics.of(second).count(DURATION) == 2


def test_of_an_application_that_has_no_part_in_it(sidelight_metrics: Metrics) -> None:
    """An application that was never asked, or isn't measured, can't be read in silence."""
    with pytest.raises(UnknownError, match="has not been asked for anything yet"):
        sidelight_metrics.of(shop()).count(DURATION)


def test_an_application_may_be_gone(sidelight_metrics: Metrics) -> None:
    """What counts stays, when its application has stopped, has started again, or is no more."""
    client = TestClient(shop())
    for _ in range(3):
        with client:
            client.get("/quick/1")
    del client
    gc.collect()
    assert sidelight_metrics.count(DURATION) == 3


def test_a_client_on_the_tests_own_loop(sidelight_metrics: Metrics) -> None:
    """An application without lifespan, called by httpx, is read as well."""

    async def main() -> None:
        transport = httpx.ASGITransport(app=shop())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await asyncio.gather(*(client.get(f"/quick/{n}") for n in range(10)))

    asyncio.run(main())
    assert sidelight_metrics.count(DURATION, status=200) == 10


async def waiting(client: httpx.AsyncClient, test: MeasuredTest) -> asyncio.Task[httpx.Response]:
    """A request that is in flight until it is cancelled."""
    task = asyncio.create_task(client.get("/wait/3600"))
    for _ in range(3000):
        if "/wait/{seconds}" in requested_routes(test.added(None)):
            return task
        await asyncio.sleep(0.01)
    raise AssertionError("no request is in flight")


def test_a_request_that_was_left_in_flight_is_of_no_later_test() -> None:
    """An application that is not asked has no part in a test, though a request never ended."""

    async def main() -> None:
        first, second = (
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")
            for app in (shop(buckets=[60]), shop(buckets=[60]))
        )
        async with first, second:
            await first.get("/quick/1")
            with measuring() as before:
                left = await waiting(first, before)
            with measuring() as test:
                assert requested_routes(test.added(None)) == set()
                await second.get("/quick/1")
                assert Metrics(test).value("http_server_active_requests") == 0
                assert requested_routes(test.added(None)) == {"/quick/{x}"}
                other = await waiting(first, test)
            for task in left, other:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    asyncio.run(main())


def test_what_the_process_shares_counts_once(sidelight_metrics: Metrics) -> None:
    """A watched executor is on every application's page, and isn't counted for each."""
    with TestClient(shop()) as one, TestClient(shop()) as other:
        one.get("/quick/1")
        other.get("/quick/1")
        with watch(ThreadPoolExecutor(2), name="testing-shared") as executor:
            for _ in range(4):
                executor.submit(int).result()
    assert sidelight_metrics.count("python_executor_run", executor="testing-shared") == 4
    with pytest.raises(UnknownError, match=r"'testing-shard' is no executor.*'testing-shared'"):
        sidelight_metrics.count("python_executor_run", executor="testing-shard")


def test_a_directory_that_others_share_is_left_alone(
    sidelight_metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application that is told to share its numbers keeps them to itself in a test."""
    monkeypatch.setenv("SIDELIGHT_DIR", str(tmp_path / "shared"))
    TestClient(shop()).get("/quick/1")
    assert sidelight_metrics.count(DURATION) == 1
    assert not (tmp_path / "shared").exists()


def test_an_application_that_shared_its_file_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Two that started before the test in one directory are read together, and never apart."""
    monkeypatch.setenv("SIDELIGHT_DIR", str(tmp_path / "shared"))
    first, second = shop(), shop()
    with TestClient(first) as one, TestClient(second) as other:
        one.get("/quick/1")
        metrics: Metrics = request.getfixturevalue("sidelight_metrics")
        one.get("/quick/1")
        other.get("/quick/1")
        assert metrics.count(DURATION) == 2
        with pytest.raises(UnknownError, match="shares with another"):
            metrics.of(first).count(DURATION)
    assert metrics.count(DURATION) == 2


def test_names_that_are_not_there(sidelight_metrics: Metrics) -> None:
    """An unknown metric, label or route lists those that are there."""
    TestClient(shop()).get("/quick/1")
    with pytest.raises(UnknownError, match="did you mean fastapi_slow_requests_total"):
        sidelight_metrics.value("fastapi_slow_request_total")
    with pytest.raises(UnknownError, match=r"there are: .*\bfastapi_exceptions_total\b"):
        sidelight_metrics.value("nothing_of_the_kind")
    with pytest.raises(UnknownError, match=r"labels are: http_request_method, http_route$"):
        sidelight_metrics.value("fastapi_slow_requests_total", le=1)
    with pytest.raises(UnknownError, match=r"there were: '/quick/\{x\}'"):
        sidelight_metrics.value("fastapi_slow_requests_total", route="/quick/1")
    with pytest.raises(UnknownError, match=r"le=0.3: there is no such bucket; there are: 0.005"):
        sidelight_metrics.value(DURATION + "_bucket", le=0.3)


def test_why_nothing_was_measured(
    sidelight_metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measuring that is turned off, or can't be had, is named as the reason."""
    TestClient(shop(slow_request_threshold=-1)).get("/quick/1")
    with pytest.raises(
        UnknownError, match=r"was nothing at all; .* not measured: .*slow_request_threshold=-1"
    ):
        sidelight_metrics.count(DURATION, route="/quick/{x}")
    monkeypatch.setenv("SIDELIGHT_DISABLED", "1")
    TestClient(shop()).get("/quick/1")
    with pytest.raises(UnknownError, match="SIDELIGHT_DISABLED"):
        sidelight_metrics.count(DURATION, route="/quick/{x}")


def test_nothing_stays_of_a_test() -> None:
    """After the fixture the middleware is as it was, and no descriptor or thread is left."""
    import threading

    from sidelight import SidelightMiddleware

    gc.collect()
    before = dict(vars(SidelightMiddleware)), asyncio.Handle._run
    files = open_descriptors("sidelight")
    for _ in range(5):
        with measuring():
            TestClient(shop()).get("/quick/1")
    gc.collect()
    assert (dict(vars(SidelightMiddleware)), asyncio.Handle._run) == before
    # The last application may be looked at for a moment longer.
    assert open_descriptors("sidelight") <= files + 2
    assert "sidelight-testing" not in {thread.name for thread in threading.enumerate()}


def test_the_counter_of_an_objective(
    sidelight_metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its seconds are given as a number; an objective that does not exist is named."""
    (tmp_path / "sidelight.toml").write_text('slo = { latency = "99% < 1s" }')
    monkeypatch.chdir(tmp_path)
    TestClient(shop()).get("/quick/1")
    over = "fastapi_requests_over_objective"
    assert sidelight_metrics.value(over, route="/quick/{x}", objective_seconds=1) == 0
    with pytest.raises(UnknownError, match=r"'2.0' is no objective_seconds of .*'1.0'"):
        sidelight_metrics.value(over, objective_seconds=2)
