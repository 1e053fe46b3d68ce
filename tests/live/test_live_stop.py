"""What a stop of a server cuts, and a server on Trio."""

import http.client
from pathlib import Path

import pytest
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from tests.asgi import driver
from tests.live.conftest import Serve
from tests.live.counting import scrape, value
from tests.live.servers import Server, eventually

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.mark.parametrize("inside", ["", "1"])
def test_a_graceful_timeout_is_the_servers_doing(uvicorn: Serve, store: Path, inside: str) -> None:
    """Requests and event streams that uvicorn cuts at a stop are its own, in any order."""
    env = {"SIDELIGHT_DIR": str(store), "INSIDE": inside}
    server = uvicorn(1, "stopping:app", "--timeout-graceful-shutdown", "1", **env).ready()
    check_cut(server, store)


@pytest.mark.parametrize("inside", ["", "1"])
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_a_graceful_timeout_of_hypercorn(serve: Serve, store: Path, loop: str, inside: str) -> None:
    """Requests and event streams that hypercorn cuts at a stop are its own, on both loops."""
    server = serve(
        *("hypercorn", "stopping:app", "--bind", "127.0.0.1:{port}", "-k", loop),
        *("--graceful-timeout", "1"),
        spawned=True,
        SIDELIGHT_DIR=str(store),
        INSIDE=inside,
    ).ready()
    check_cut(server, store)


def check_cut(server: Server, store: Path) -> None:
    """Stop a server while it has five requests in flight, and see what they count as."""
    connections = []
    for path in ["/wait"] * 3 + ["/events"] * 2:
        connections.append(http.client.HTTPConnection("127.0.0.1", server.port))
        connections[-1].request("GET", path)
    eventually(lambda: value(scrape(server), "fastapi_active_requests") == 5)
    server.stop()
    for connection in connections:
        connection.close()
    page = driver.scrape(SidelightMiddleware(FastAPI(), directory=str(store)))
    cut = {key: n for key, n in page.requests.items() if key[1] != "/pid"}
    assert cut == {
        ("GET", "/wait", "", "server_shutdown"): 3,
        ("GET", "/events", "200", "server_shutdown"): 2,
    }
    assert page.value("fastapi_requests_lost_total") == 0


def test_trio_under_steady_traffic(serve: Serve) -> None:
    """Hypercorn's worker on Trio counts each request, and is never shown as blocked."""
    where = ["--bind", "127.0.0.1:{port}", "-k", "trio"]
    server = serve("hypercorn", "stopping:app", *where, spawned=True).ready()
    before = value(scrape(server), "asyncio_event_loop_lag_seconds_count")
    count = "http_server_request_duration_seconds_count"
    counted = value(scrape(server), count)
    for _ in range(100):
        server.get("/pid")
    page = scrape(server)
    assert value(page, count) == counted + 100
    assert value(page, "sidelight_workers", state="blocked") == 0
    eventually(lambda: value(scrape(server), "asyncio_event_loop_lag_seconds_count") > before + 10)
    assert value(scrape(server), "sidelight_internal_errors_total") == 0
