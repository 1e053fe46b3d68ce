"""A test suite that makes many clients leaves nothing behind."""

import gc
import os
import threading
import time
import warnings

import pytest
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from tests.descriptors import needs_listing, open_descriptors
from tests.listing import shared_directories

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # an old Starlette on a new anyio
    from fastapi.testclient import TestClient


def client() -> TestClient:
    app = FastAPI(openapi_url=None)

    @app.get("/items/{x}")
    def item(x: str) -> str:
        return x

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    app.add_middleware(SidelightMiddleware)
    return TestClient(app, raise_server_exceptions=False)


def descriptors() -> int:
    return open_descriptors("sidelight")


def names() -> set[str]:
    """Threads, once those that have nothing left to do have had the time to end.

    The thread of the collectors stays for the next scrape of any application.
    """
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = {thread.name for thread in threading.enumerate()}
        if not any(name.startswith("sidelight") for name in found - {"sidelight-collectors"}):
            break
        time.sleep(0.05)
    return found


def use(*, entered: bool) -> None:
    found = client()
    if entered:
        with found:
            assert found.get("/items/1").json() == "1"
            assert found.get("/metrics").status_code == 200
    else:
        assert found.get("/items/1").json() == "1"
        assert found.get("/metrics").status_code == 200


@needs_listing
@pytest.mark.parametrize("number", [30, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("entered", [True, False], ids=["with", "without"])
def test_clients_leave_nothing_behind(*, entered: bool, number: int) -> None:
    """No file, no thread and no descriptor stays of many clients, entered or not."""
    for _ in range(5):
        use(entered=entered)
    gc.collect()
    before = shared_directories(os.getpid()), names(), descriptors()
    for _ in range(number):
        use(entered=entered)
    gc.collect()
    until = time.monotonic() + 10  # what earlier tests left running may start a thread and end it
    while time.monotonic() < until and (names() - before[1] or descriptors() > before[2] + 2):
        time.sleep(0.05)
    now = shared_directories(os.getpid()), names(), descriptors()
    assert now[0] == before[0]
    assert now[1] <= before[1]
    assert now[2] <= before[2] + 2


@pytest.mark.parametrize("number", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_one_client_and_many_requests(number: int) -> None:
    """A client that is never entered has a new event loop a request, and exact counts."""
    found = client()
    for item in range(number):
        found.get(f"/items/{item}")
    text = found.get("/metrics").text
    (line,) = [
        line
        for line in text.splitlines()
        if line.startswith("http_server_request_duration_seconds_count") and '"200"' in line
    ]
    assert line.endswith(f" {number}")


def test_exceptions_of_a_client() -> None:
    """TestClient raises what the application raised, with ours in between."""
    found = client()
    assert found.get("/broken").status_code == 500
    strict = TestClient(found.app)
    with pytest.raises(ZeroDivisionError):
        strict.get("/broken")
