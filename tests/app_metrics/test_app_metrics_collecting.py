"""Collectors of the application's that wait, hang, or fail: none of them harms anything else."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import anyio.to_thread
import pytest
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from sidelight.app_metrics import collector_thread, publisher
from tests.asgi.driver import call, scrape

client = pytest.importorskip("prometheus_client")
httpx = pytest.importorskip("httpx")
core = pytest.importorskip("prometheus_client.core")
ERRORS = "sidelight_collector_errors_total"
AGE = "sidelight_snapshot_age_seconds"


class Source:
    """A collector with a counter and a gauge, after whatever it does first."""

    def __init__(self, first: Callable[[], Any] = lambda: None) -> None:
        self.first = first
        self.value = 1.0
        self.thread: threading.Thread | None = None

    def collect(self) -> Iterator[Any]:
        self.thread = threading.current_thread()
        self.first()
        yield core.CounterMetricFamily("source_reads", "Reads.", value=self.value)
        yield core.GaugeMetricFamily("source_level", "Level.", value=self.value)

    def describe(self) -> list[Any]:
        return []


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """A collector may wait for this event, which is set when the test ends."""
    found = threading.Event()
    yield found
    found.set()


def test_no_collector_runs_on_the_event_loop(app: FastAPI, registry: Any) -> None:
    """Every collection runs in the thread that is for it, however quick the last one was."""
    source = Source()
    registry.register(source)
    for _ in range(3):
        assert scrape(app).value("source_level") == 1
        assert source.thread is not None
        assert source.thread.name == "sidelight-collectors"
        assert source.thread.daemon


def test_a_collector_that_waits_does_not_hold_the_event_loop(app: FastAPI, registry: Any) -> None:
    """While a collector waits for its source, the event loop serves others; it is then shown."""
    started, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        go_on.wait(60)

    registry.register(Source(wait))

    async def scrape_meanwhile() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as asking:
            task = asyncio.create_task(asking.get("http://test/metrics"))
            assert await asyncio.to_thread(started.wait, 60)
            go_on.set()  # only an event loop that runs can do this
            return str((await task).text)

    assert "\nsource_level" in asyncio.run(scrape_meanwhile())


def test_a_collector_that_hangs_is_shown_as_it_was(
    app: FastAPI, registry: Any, hung: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response comes in time, with the last values of that collector and new ones of others."""
    monkeypatch.setattr(collector_thread, "COLLECTOR_SECONDS", 0.05)
    source = Source()
    registry.register(source)
    others = client.Counter("orders", "Orders.", registry=registry)
    assert scrape(app).value("orders_total") == 0
    source.first, source.value = lambda: hung.wait(60), 2.0
    for number in (1, 2, 3):
        others.inc()
        page = scrape(app)
        assert page.value("orders_total") == number
        assert (page.value("source_reads_total"), page.value("source_level")) == (1, 1)
        assert page.value(ERRORS, collector="Source") == number - 1  # the first one may end yet
    before = page.value(AGE, worker="0")
    assert 0.05 <= before < 60
    assert scrape(app).value(AGE, worker="0") > before


def test_a_collector_that_ends_late_is_shown_again(
    app: FastAPI, registry: Any, hung: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a collector that hung has ended, it is collected as before, and so are others."""
    monkeypatch.setattr(collector_thread, "COLLECTOR_SECONDS", 0.02)
    source = Source(lambda: hung.wait(60))
    registry.register(source)
    assert scrape(app).series("source_level") == []
    hung.set()
    until = time.monotonic() + 60
    while not scrape(app).series("source_level") and time.monotonic() < until:
        pass
    source.value = 7.0
    page = scrape(app)
    assert page.value("source_level") == 7
    assert page.value(AGE) < 30


def test_more_hanging_collectors_than_threads(
    app: FastAPI, registry: Any, hung: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Collectors that hang keep a limited number of threads, and the response still comes."""
    monkeypatch.setattr(collector_thread, "COLLECTOR_SECONDS", 0.01)
    monkeypatch.setattr(collector_thread, "thread", collector_thread.CollectorThread())
    monkeypatch.setattr(publisher, "SCRAPE_SECONDS", 0.3)
    before = set(threading.enumerate())
    for _ in range(collector_thread.MAX_KEPT_THREADS + 3):
        registry.register(Source(lambda: hung.wait(60)))
    for _ in range(2):
        assert scrape(app).value("sidelight_workers") == 1
    until = time.monotonic() + 60  # a thread that another took over from may be about to end
    while len(made := set(threading.enumerate()) - before) > collector_thread.MAX_KEPT_THREADS + 1:
        assert time.monotonic() < until, made
        time.sleep(0.05)
    hung.set()
    for thread in made:
        if thread.name != "sidelight-collectors":
            thread.join(60)


def test_the_threads_of_the_application_are_all_in_use(registry: Any) -> None:
    """The metrics take no thread of the limiter by which the application's work waits."""
    found = FastAPI(openapi_url=None)
    found.add_middleware(SidelightMiddleware)
    client.Counter("orders", "Orders.", registry=registry).inc(4)

    @found.get("/full")
    async def full() -> str:
        limiter = anyio.to_thread.current_default_thread_limiter()
        holders = [object() for _ in range(int(limiter.available_tokens))]
        for holder in holders:
            limiter.acquire_on_behalf_of_nowait(holder)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(found)) as asking:
            return str((await asking.get("http://test/metrics")).text)

    assert "orders_total 4.0" in call(found, "GET", "/full").text.replace("\\n", "\n")


def test_one_of_several_collectors_raises(
    app: FastAPI, registry: Any, logged: pytest.LogCaptureFixture
) -> None:
    """The others stay as they are now; the one that raises is named, counted, and logged once.

    Its counters keep their last values, since totals never fall; its gauges are gone.
    """
    source = Source()
    registry.register(source)
    orders = client.Counter("orders", "Orders.", registry=registry)
    lengths = client.Gauge("queue_length", "Length.", registry=registry)
    assert scrape(app).value("source_level") == 1

    def fail() -> None:
        raise SystemExit  # the worst of them: it would end the thread

    source.first, source.value = fail, 2.0
    lengths.set_function(lambda: 1 / 0)
    for number in (1, 2, 3):
        orders.inc()
        page = scrape(app)
        assert page.value("orders_total") == number
        assert page.value("source_reads_total") == 1
        assert page.series("source_level") == page.series("queue_length") == []
        assert page.by(ERRORS, "collector") == {"Source": number, "queue_length": number}
    assert page.value("sidelight_internal_errors_total") == 0
    messages = [record.getMessage() for record in logged.records if record.exc_info]
    assert sorted(messages) == ["the collector Source failed", "the collector queue_length failed"]


def test_a_collector_that_runs_an_event_loop(app: FastAPI, registry: Any) -> None:
    """A collector may call `asyncio.run`, since no loop runs in its thread."""

    async def ask() -> float:
        await asyncio.sleep(0)
        return 5.0

    class Asking:
        def collect(self) -> Iterator[Any]:
            yield core.GaugeMetricFamily("asked", "Asked.", value=asyncio.run(ask()))

    registry.register(Asking())
    page = scrape(app)
    assert page.value("asked") == 5
    assert page.series(ERRORS) == []


def test_a_limited_number_of_collectors_is_named(app: FastAPI, registry: Any) -> None:
    """Errors of more collectors than the limit are counted under ``_OTHER``."""

    def fail() -> float:
        raise ZeroDivisionError

    for number in range(publisher.MAX_NAMES + 5):
        client.Gauge(f"level_{number}", "Level.", registry=registry).set_function(fail)
    found = scrape(app).by(ERRORS, "collector")
    assert len(found) == publisher.MAX_NAMES + 1
    assert found["_OTHER"] == 5


def test_a_registry_of_the_applications_own(registry: Any) -> None:
    """The setting `registry` names the registry that is exported, in place of the default one."""
    client.Counter("of_default", "Orders.", registry=registry).inc()
    own = client.CollectorRegistry()
    client.Counter("orders", "Orders.", registry=own).inc(3)
    app = FastAPI(openapi_url=None)
    app.add_middleware(SidelightMiddleware, registry=own)
    page = scrape(app)
    assert page.value("orders_total") == 3
    assert page.series("of_default_total") == []


def test_a_process_collector_of_another_name_or_process(app: FastAPI, registry: Any) -> None:
    """A namespace keeps a ProcessCollector; another process under Sidelight's names is counted."""
    parent = client.ProcessCollector(namespace="db", pid=os.getppid, registry=registry)
    page = scrape(app)
    shown = {f.name for f in parent.collect()}
    assert "db_process_open_fds" in shown
    assert page.value("db_process_open_fds") >= 1
    assert len(page.series("db_process_cpu_seconds_total")) == 1
    assert page.value("sidelight_families_skipped_total") == 0
    client.ProcessCollector(pid=os.getppid, registry=registry)
    page = scrape(app)
    assert page.by("sidelight_families_skipped_total", "reason") == {"name_taken": len(shown)}
    assert len(page.series("process_cpu_seconds_total")) == 1
