"""Whether an application holds its event loop is seen in every way to drive it."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from sidelight.testing import Metrics
from tests.testing.shops import HELD, TestClient, shop

Drive = Callable[[FastAPI, str], None]


def entered(app: FastAPI, path: str) -> None:
    with TestClient(app) as client:
        client.get(path)


def bare(app: FastAPI, path: str) -> None:
    TestClient(app).get(path)


def twice(app: FastAPI, path: str) -> None:
    """The second request has a loop of its own, that no heartbeat has seen."""
    client = TestClient(app)
    client.get("/quick/1")
    client.get(path)


def on_own_loop(app: FastAPI, path: str) -> None:
    run(app, lambda client: client.get(path))


def run(app: FastAPI, ask: Callable[[httpx.AsyncClient], Awaitable[object]]) -> None:
    async def main() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await ask(client)
            await asyncio.sleep(0.05)  # for what the request has left to run

    asyncio.run(main())


DRIVES = [entered, bare, twice, on_own_loop]
drives = pytest.mark.parametrize("drive", DRIVES, ids=lambda drive: drive.__name__)


@drives
@pytest.mark.parametrize("indirect", [False, True], ids=["direct", "in a task"])
def test_a_held_loop_is_seen(sidelight_metrics: Metrics, drive: Drive, *, indirect: bool) -> None:
    """Route, seconds and the line of the application's own that held the loop are named."""
    drive(shop(indirect=indirect), "/hold/1")
    with pytest.raises(AssertionError) as failed:
        sidelight_metrics.assert_never_blocks()
    first, second, *_ = str(failed.value).splitlines()
    assert first == "the event loop was blocked for 0.1 s or more:"
    assert "by GET /hold/{x}: " in second
    assert "shops.py:" in second
    assert "in shop.<locals>.hold" in second
    assert HELD <= float(second.split()[0]) < 60


@drives
@pytest.mark.parametrize("path", ["/wait/0.3", "/thread/1", "/slept"])
def test_waiting_is_not_holding(sidelight_metrics: Metrics, drive: Drive, path: str) -> None:
    """A request that waits, on the loop or for a thread, holds nothing."""
    drive(shop(), path)
    sidelight_metrics.assert_never_blocks(HELD * 0.9)


@pytest.mark.parametrize("drive", [entered, on_own_loop], ids=lambda drive: drive.__name__)
def test_what_a_request_leaves_running_is_its_own(sidelight_metrics: Metrics, drive: Drive) -> None:
    """A task that a request started is counted against its route."""
    app = shop()
    if drive is entered:
        with TestClient(app) as client:
            client.get("/spawn")
            client.get("/wait/0.1")
    else:
        drive(app, "/spawn")
    with pytest.raises(AssertionError, match=r"by GET /spawn: .*in hog"):
        sidelight_metrics.assert_never_blocks()


def test_what_the_lifespan_left_running_counts(sidelight_metrics: Metrics) -> None:
    """A task of the lifespan holds the loop of all requests; the start itself holds none."""
    with TestClient(shop(hogging=True)) as client:
        client.get("/quick/1")
        sidelight_metrics.assert_never_blocks(HELD * 0.9)
        client.get("/let-go")
        client.get("/quick/2")
    with pytest.raises(AssertionError, match=r"by no request: .*in hog"):
        sidelight_metrics.assert_never_blocks()


def test_a_lifespan_that_began_before_the_test(request: pytest.FixtureRequest) -> None:
    """On a client's own thread, a task counts whenever it was started."""
    with TestClient(shop(hogging=True)) as client:
        metrics: Metrics = request.getfixturevalue("sidelight_metrics")
        client.get("/let-go")
        client.get("/quick/1")
        with pytest.raises(AssertionError, match=r"by no request: .*in hog"):
            metrics.assert_never_blocks()


def test_the_tests_own_code_is_no_application(sidelight_metrics: Metrics) -> None:
    """A test that blocks its own loop before, between and after requests is no route's block."""

    async def ask(client: httpx.AsyncClient) -> None:
        time.sleep(HELD)  # noqa: ASYNC251 the case under test
        await client.get("/quick/1")
        time.sleep(HELD)  # noqa: ASYNC251 the case under test
        asyncio.get_running_loop().call_soon(time.sleep, HELD)

    run(shop(), ask)
    sidelight_metrics.assert_never_blocks(HELD * 0.9)


def test_one_application_of_several(sidelight_metrics: Metrics) -> None:
    """``of`` holds one application to the limit, and not another one."""
    good, bad = shop(), shop()
    bare(good, "/quick/1")
    bare(bad, "/hold/1")
    sidelight_metrics.of(good).assert_never_blocks(HELD * 0.9)
    with pytest.raises(AssertionError, match="/hold"):
        sidelight_metrics.of(bad).assert_never_blocks()


def test_an_application_that_calls_another(sidelight_metrics: Metrics) -> None:
    """A hold in an application that is called by another counts once, where it is."""
    inner, outer = shop(), shop()

    @outer.get("/outer")
    async def calls() -> int:
        transport = httpx.ASGITransport(app=inner)
        async with httpx.AsyncClient(transport=transport, base_url="http://inner") as client:
            return (await client.get("/hold/1")).status_code

    bare(outer, "/outer")
    with pytest.raises(AssertionError) as failed:
        sidelight_metrics.assert_never_blocks(HELD * 0.9)
    assert len(str(failed.value).splitlines()) == 2
    sidelight_metrics.of(outer).assert_never_blocks(HELD * 0.9)


def test_a_loop_that_cannot_be_seen_never_passes(sidelight_metrics: Metrics) -> None:
    """On another loop than asyncio's own, the assertion fails and says so."""
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        transport = httpx.ASGITransport(app=shop())
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            await client.get("/quick/1")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
    with pytest.raises(AssertionError, match=r"can't be seen: .*uvloop.*asyncio's own loop"):
        sidelight_metrics.assert_never_blocks()


def test_nothing_driven_never_passes(request: pytest.FixtureRequest) -> None:
    """Without a request there is nothing to say, nor is there below what can be told."""
    gc.collect()  # requests that other tests never ended end here
    sidelight_metrics: Metrics = request.getfixturevalue("sidelight_metrics")
    with pytest.raises(AssertionError, match="no request was measured"):
        sidelight_metrics.assert_never_blocks()
    with pytest.raises(ValueError, match=r"seconds=0\.001"):
        sidelight_metrics.assert_never_blocks(0.001)


def test_the_heartbeat_follows_to_a_new_loop(sidelight_metrics: Metrics) -> None:
    """The loop's own metrics count on the second loop of an application, while that goes on."""
    app = shop()
    bare(app, "/quick/1")
    run(app, lambda client: client.get("/hold/1"))
    assert sidelight_metrics.value("asyncio_event_loop_blocks") == 1


@pytest.mark.anyio
async def test_a_test_that_is_a_coroutine(sidelight_metrics: Metrics, anyio_backend: str) -> None:
    """The fixture works in tests that run on a loop."""
    assert anyio_backend == "asyncio"
    transport = httpx.ASGITransport(app=shop())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/quick/1")
        sidelight_metrics.assert_never_blocks(HELD * 0.9)
        await client.get("/hold/1")
    with pytest.raises(AssertionError, match=r"GET /hold/\{x\}"):
        sidelight_metrics.assert_never_blocks()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
