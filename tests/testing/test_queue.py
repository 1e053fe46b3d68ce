"""Whether requests waited for the event loop is seen of a real server."""

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from sidelight.testing import Metrics
from tests.testing.shops import TestClient, shop

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when data arrived")
FORM = "t={:.6f}"


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """An application's address while uvicorn serves it in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    (port,) = {found.getsockname()[1] for each in server.servers for found in each.sockets}
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def get(address: str, path: str) -> int:
    return httpx.get(address + path, trust_env=False, timeout=60).status_code


def holding(**options: Any) -> tuple[FastAPI, threading.Event]:
    """A service with a route that holds the event loop, and what says that it has begun."""
    app, begun = FastAPI(), threading.Event()

    @app.get("/hold")
    async def hold() -> None:
        begun.set()
        time.sleep(1)  # noqa: ASYNC251 that is what is wrong here

    @app.get("/victim")
    async def victim() -> None:
        pass

    app.add_middleware(SidelightMiddleware, slow_request_threshold=60, **options)
    return app, begun


@contextmanager
def with_a_victim(**options: Any) -> Iterator[FastAPI]:
    """A service that has served a request which waited for most of a second."""
    app, begun = holding(**options)
    with served(app) as address, ThreadPoolExecutor() as clients:
        held = clients.submit(get, address, "/hold")
        assert begun.wait(60)
        assert (get(address, "/victim"), held.result()) == (200, 200)
        yield app


@on_linux
def test_victims_are_seen(sidelight_metrics: Metrics) -> None:
    """A route whose request waited is named, with for how long."""
    with with_a_victim(buckets=[0.1, 59]) as app:
        with pytest.raises(AssertionError) as failed:
            sidelight_metrics.assert_queue_below(0.1)
        sidelight_metrics.assert_queue_below(59)
        sidelight_metrics.of(app).assert_queue_below(59)
    assert str(failed.value).startswith("requests waited for the event loop:\n")
    assert (
        "the longest wait of GET /victim is between 0.1 and 59 s; the limit is 0.1 s"
        in str(failed.value).splitlines()[-1]
    )


@on_linux
def test_a_limit_inside_a_bucket(sidelight_metrics: Metrics) -> None:
    """A wait that may or may not be within the limit fails, and says what would tell."""
    with (
        with_a_victim(buckets=[0.01, 59]),
        pytest.raises(AssertionError, match=r"is unknown: .*buckets=…\) with 30 among them"),
    ):
        sidelight_metrics.assert_queue_below(30)


def test_a_client_in_this_process_is_not_seen(sidelight_metrics: Metrics) -> None:
    """Where nothing tells when a request arrived, the assertion does not pass."""
    app = shop()
    TestClient(app).get("/quick/1")
    for metrics in (sidelight_metrics, sidelight_metrics.of(app)):
        with pytest.raises(AssertionError, match="whether requests waited can't be seen: "):
            metrics.assert_queue_below(10)


def test_a_header_tells(sidelight_metrics: Metrics) -> None:
    """With ``queue_header`` a client in this process tells how long its requests have waited."""
    client = TestClient(shop(queue_header="x-request-start", buckets=[0.5, 60]))
    with client:
        client.get("/quick/1", headers={"X-Request-Start": FORM.format(time.time())})
        sidelight_metrics.assert_queue_below(60)
        client.get("/quick/1", headers={"X-Request-Start": FORM.format(time.time() - 2)})
        with pytest.raises(AssertionError, match=r"of GET /quick/{x} is between 1 and 60 s"):
            sidelight_metrics.assert_queue_below(1)


def test_without_a_request(sidelight_metrics: Metrics) -> None:
    """A test that sends nothing proves nothing, and no limit is below what can be measured."""
    with pytest.raises(AssertionError, match="no request was measured"):
        sidelight_metrics.assert_queue_below(1)
    for seconds in (0, 0.009, -1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"can be measured from 0.01 s on"):
            sidelight_metrics.assert_queue_below(seconds)
