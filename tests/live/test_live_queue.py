"""A request that waits for a held event loop is as slow as its client says."""

import itertools
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.live.servers import PATIENCE, Server

pytestmark = [
    pytest.mark.live,
    pytest.mark.newest,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when data arrived"),
]

CLIENTS = 20
LOOPS = ("asyncio", "uvloop")
PROTOCOLS = ("h11", "httptools")


@pytest.fixture(scope="module", params=itertools.product(LOOPS, PROTOCOLS), ids="-".join)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One worker of uvicorn."""
    loop, protocol = request.param
    options = ("--loop", loop, "--http", protocol, "--log-level", "warning")
    command = ("uvicorn", "queues:app", "--port", "{port}", *options)
    server = Server(command, {}, tmp_path_factory.mktemp("queue"))
    try:
        yield server.ready()
    finally:
        server.destroy()


def value(server: Server, name: str, route: str = "/victim") -> float:
    """The sum of a route's samples with a name."""
    families = text_string_to_metric_families(server.get("/metrics")[1])
    samples = (sample for family in families for sample in family.samples)
    found = (s.value for s in samples if s.name == name and s.labels.get("http_route") == route)
    return sum(found)


def ask(connection: HTTPConnection) -> float:
    """Seconds that a client waits for the victim's answer."""
    start = time.monotonic()
    connection.request("GET", "/victim")
    assert connection.getresponse().read() == b"1"
    return time.monotonic() - start


@pytest.mark.parametrize("kept", [True, False], ids=["keep-alive", "new"])
def test_the_page_says_what_clients_felt(server: Server, *, kept: bool) -> None:
    """The mean duration of requests that meet a hold is what their clients measured."""
    connections = [
        HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE) for _ in range(CLIENTS)
    ]
    if kept:
        for connection in connections:
            ask(connection)
    total, queued = "http_server_request_duration_seconds_sum", "fastapi_request_queue_seconds"
    names = (total, f"{queued}_sum", f"{queued}_count")
    before = [value(server, name) for name in names]
    with ThreadPoolExecutor(CLIENTS + 1) as threads:
        holding = threads.submit(server.get, "/hold?seconds=1.5")
        time.sleep(0.1)
        felt = sum(threads.map(ask, connections))
        holding.result()
    counted, waited, waits = (
        value(server, name) - old for name, old in zip(names, before, strict=True)
    )
    for connection in connections:
        connection.close()
    assert counted == pytest.approx(felt, rel=0.1)
    assert waits == CLIENTS
    assert 0.8 * felt < waited <= counted
