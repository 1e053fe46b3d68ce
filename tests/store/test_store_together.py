"""Readers, folders and recorders at work at one moment."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sidelight.app_metrics import families as app_families
from sidelight.app_metrics.families import AppFamily
from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.contract import DURATION
from sidelight.export.collector import Collector
from sidelight.export.snapshot import Snapshot
from sidelight.store.layout import STATE, WorkerState
from tests.asgi.driver import lifespan
from tests.store.driving import (
    call,
    killed,
    merge_all,
    open_store,
    page,
    shared,
    sizes,
    totalled,
    worker,
)

THREADS = 8


@pytest.fixture(params=["alone", "shared", "own"])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[SidelightMiddleware]]:
    """For each thread an application that is measured, or one for all.

    Those of each thread's own share a directory, and so the worker's file.
    """

    async def item(_: Request) -> PlainTextResponse:
        await asyncio.sleep(0)
        return PlainTextResponse("item")

    def service(options: dict[str, Any]) -> SidelightMiddleware:
        return SidelightMiddleware(Starlette(routes=[Route("/items/{n}", item)]), **options)

    options: dict[str, Any] = {} if request.param == "alone" else {"directory": str(tmp_path)}
    if request.param == "own":
        apps = [service(options) for _ in range(THREADS)]
    else:
        apps = [service(options)] * THREADS
    yield apps
    for app in apps:
        app.lifecycle.close()


def shown(text: str, name: str) -> float:
    """The sum of a page's samples with this name."""
    found = re.findall(rf"^{name}{{.*}} (.+)$", text, re.MULTILINE)
    return sum(map(float, found))


def in_threads(
    drive: Callable[[SidelightMiddleware], Any], apps: list[SidelightMiddleware]
) -> None:
    """Drive an application in each thread, on an event loop of its own, and all at one moment."""
    failures: list[object] = []
    start = threading.Barrier(len(apps))

    def run(app: SidelightMiddleware) -> None:
        start.wait()
        try:
            asyncio.run(drive(app))
        except Exception as error:  # noqa: BLE001 told to the test, which runs elsewhere
            failures.append(error)

    threads = [threading.Thread(target=run, args=(app,)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def exact(app: SidelightMiddleware, wanted: int) -> None:
    """Assert that a page has so many requests, each counted once, and nothing else."""
    text = page(app)
    assert shown(text, "http_server_request_duration_seconds_count") == wanted
    assert shown(text, "http_server_response_body_size_bytes_count") == wanted
    assert shown(text, "http_server_response_body_size_bytes_sum") == wanted * len("item")
    assert 'fastapi_active_requests{http_route="/items/{n}"}' not in text
    assert "sidelight_internal_errors_total" not in text


@pytest.mark.parametrize("turns", sizes(100, 1000))
def test_threads_with_loops_of_their_own_lose_no_request(
    services: list[SidelightMiddleware], turns: int
) -> None:
    """Eight threads, each with an event loop, find no store yet: their counts are exact."""

    async def drive(app: SidelightMiddleware) -> None:
        for turn in range(turns):
            found = await asyncio.gather(*(call(app, f"/items/{turn}") for _ in range(2)))
            assert [status for status, _ in found] == [200, 200]

    in_threads(drive, services)
    exact(services[0], THREADS * turns * 2)
    for app in services:
        assert app.lifecycle.recorder is not None
        file = app.lifecycle.recorder.file
        assert file.in_flight == 0
        assert sorted(file.free_slots) == sorted(file.paths)
        assert {file.words[slot] for slot in file.paths} == {0}


def test_threads_with_lifespans_of_their_own_lose_no_request(
    services: list[SidelightMiddleware],
) -> None:
    """An application that stops in one thread serves, and is read, in another to its end."""

    async def drive(app: SidelightMiddleware) -> None:
        async def requests() -> None:
            for turn in range(20):
                assert (await call(app, f"/items/{turn}"))[0] == 200
                assert (await call(app, "/metrics"))[0] == 200

        said = [message["type"] for message in await lifespan(app, requests)]
        assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]

    in_threads(drive, services)
    exact(services[0], THREADS * 20)


def test_a_lifespan_that_ends_leaves_the_store_to_the_others(tmp_path: Path) -> None:
    """Of two lifespans of one application, only the last says that the worker stops."""
    app = SidelightMiddleware(Starlette(), directory=str(tmp_path))
    states: list[int] = []

    def state() -> None:
        assert app.lifecycle.recorder is not None
        states.append(app.lifecycle.recorder.file.words[STATE])

    async def within() -> None:
        state()
        await lifespan(app)
        state()

    asyncio.run(lifespan(app, within))
    assert states == [WorkerState.SERVING] * 2
    assert app.lifecycle.recorder is None


def orders(snapshot: Snapshot) -> float:
    """The application's own counter."""
    family = snapshot.app_families.get("orders")
    return sum(family.samples.values()) if family else 0.0


def requests(snapshot: Snapshot) -> int:
    """Requests that Sidelight counted."""
    return sum(sum(v[1:]) for key, v in snapshot.sums.items() if key.family.name == DURATION.name)


def test_a_merge_at_any_moment_of_a_scrape_changes_no_sum(tmp_path: Path) -> None:
    """At whatever step of a scrape another process merges, the scrape has every count once."""
    for turn in range(100):
        path = tmp_path / str(turn)
        where = shared(path)
        store = open_store(path)
        for counted in (3, 4):
            dead = worker(where, counted)
            samples: dict[tuple[str, app_families.AppLabels], float] = {
                ("_total", ()): float(counted)
            }
            family = AppFamily("orders", "counter", "", "", "", samples)
            where.write(dead.name.removesuffix(".worker") + ".user", app_families.encode([family]))
            killed(dead)
        steps = Collector(store.reader, store.file).collect()
        try:
            for _ in range(turn):
                next(steps)
            complete = False
            merge_all(where)
            while True:
                next(steps)
        except StopIteration as stop:
            snapshot: Snapshot = stop.value
            complete = not where.names("totals")
        assert requests(snapshot) == 7, turn
        assert orders(snapshot) == 7, turn
        store.close()
        where.close()
        if complete:
            return
    raise AssertionError("the scrape never ended")


@pytest.mark.parametrize("workers", sizes(15, 60))
def test_two_processes_that_merge_at_one_moment_take_each_worker_once(
    tmp_path: Path, workers: int
) -> None:
    """Many threads that merge while workers die leave the exact sum."""
    where = shared(tmp_path / "store")
    stop = threading.Event()
    failures: list[object] = []

    def merging() -> None:
        mine = shared(tmp_path / "store")
        while not stop.is_set():
            try:
                merge_all(mine)
            except Exception as error:  # noqa: BLE001 told to the test
                failures.append(error)
        mine.close()

    threads = [threading.Thread(target=merging) for _ in range(4)]
    for thread in threads:
        thread.start()
    expected = lowest = 0
    for counted in range(1, workers + 1):
        killed(worker(where, counted))
        expected += counted
        seen = totalled(where)
        assert lowest <= seen <= expected
        lowest = seen
    stop.set()
    for thread in threads:
        thread.join()
    merge_all(where)
    assert failures == []
    assert totalled(where) == expected
    assert where.names(".worker") == []
    where.close()
