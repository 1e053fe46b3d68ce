"""A request that waits for a held event loop is as slow as its client says."""

import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidelight.extension import PURE
from tests.live.servers import PATIENCE, Server, eventually

pytestmark = [
    pytest.mark.live,
    pytest.mark.newest,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when data arrived"),
]

CLIENTS = 20
HOLD = 1.5
WORKING = 60
BUSY = "asyncio_event_loop_busy_seconds_total"
CAUSED = "fastapi_queue_seconds_caused_total"
QUEUED = "fastapi_request_queue_seconds_sum"
QUEUED_COUNT = "fastapi_request_queue_seconds_count"
TOTAL = "http_server_request_duration_seconds_sum"


@pytest.fixture(
    scope="module",
    params=[
        ("asyncio", "h11", "native"),
        ("uvloop", "httptools", "native"),
        ("asyncio", "httptools", "python"),
        pytest.param(("asyncio", "httptools", "native"), marks=pytest.mark.slow),
        pytest.param(("uvloop", "h11", "native"), marks=pytest.mark.slow),
        pytest.param(("uvloop", "h11", "python"), marks=pytest.mark.slow),
    ],
    ids="-".join,
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One worker of uvicorn."""
    loop, protocol, way = request.param
    options = ("--loop", loop, "--http", protocol, "--log-level", "warning")
    env = {PURE: "1"} if way == "python" else {}
    command = ("uvicorn", "queues:app", "--port", "{port}", *options)
    server = Server(command, env, tmp_path_factory.mktemp("queue"))
    try:
        yield server.ready()
    finally:
        server.destroy()


def total(server: Server, name: str) -> float:
    """The sum of all samples with a name."""
    return sum(by_route(server, name).values())


def by_route(server: Server, name: str) -> dict[str, float]:
    """The sums of the samples with a name, by route."""
    found: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(server.get("/metrics")[1]):
        for sample in family.samples:
            if sample.name == name:
                found[sample.labels["http_route"]] += sample.value
    return found


def ask(connection: HTTPConnection) -> float:
    """Seconds that a client waits for the victim's answer."""
    start = time.monotonic()
    connection.request("GET", "/victim")
    assert connection.getresponse().read() == b"1"
    return time.monotonic() - start


def felt_during_a_hold(server: Server, connections: list[HTTPConnection]) -> float:
    """Seconds that clients wait together while a route holds the event loop."""
    with ThreadPoolExecutor(CLIENTS + 1) as threads:
        holding = threads.submit(server.get, f"/hold?seconds={HOLD}")
        time.sleep(0.1)
        felt = sum(threads.map(ask, connections))
        holding.result()
    return felt


@pytest.fixture
def clients(server: Server) -> Iterator[list[HTTPConnection]]:
    """Connections that are not open yet."""
    found = [HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE) for _ in range(CLIENTS)]
    yield found
    for connection in found:
        connection.close()


def change(
    server: Server, names: tuple[str, ...], of: Callable[[], float]
) -> tuple[float, list[dict[str, float]]]:
    """What a call returns, and by how much the named samples have grown by it."""
    before = [by_route(server, name) for name in names]
    found = of()
    after = [by_route(server, name) for name in names]
    changes = zip(after, before, strict=True)
    return found, [{key: new[key] - old.get(key, 0) for key in new} for new, old in changes]


@pytest.mark.parametrize("kept", [True, False], ids=["keep-alive", "new"])
def test_the_page_says_what_clients_felt(
    server: Server, clients: list[HTTPConnection], *, kept: bool
) -> None:
    """The mean duration of requests that meet a hold is what their clients measured."""
    if kept:
        for connection in clients:
            ask(connection)
    names = (TOTAL, QUEUED, QUEUED_COUNT)
    felt, (counted, waited, waits) = change(
        server, names, lambda: felt_during_a_hold(server, clients)
    )
    assert counted["/victim"] == pytest.approx(felt, rel=0.1)
    assert waits["/victim"] == CLIENTS
    assert 0.8 * felt < waited["/victim"] <= counted["/victim"]


def test_who_is_to_blame(server: Server, clients: list[HTTPConnection]) -> None:
    """The waits are charged to the route that held the loop, and none is lost.

    Its busy time is on the page as well, and the log line of a victim says how much was a wait.
    """

    def until_charged() -> float:
        felt = felt_during_a_hold(server, clients)
        eventually(lambda: total(server, CAUSED) == pytest.approx(total(server, QUEUED)))
        return felt

    felt, (caused, waited, busy) = change(server, (CAUSED, QUEUED, BUSY), until_charged)
    assert 0.8 * felt < sum(waited.values()) <= 1.1 * felt
    assert caused["/hold"] > 0.5 * felt, "the rest is no route's where processors are scarce"
    assert HOLD * 0.9 <= busy["/hold"] < HOLD + 1

    def is_logged() -> bool:
        """Also after another test, which may have used up the lines of ten seconds."""
        found = re.search(r"slow request route=/victim .* queued=[01]\.\d{3} ", server.log)
        return bool(found or not felt_during_a_hold(server, clients))

    eventually(is_logged)


def felt_during_an_overload(server: Server, connections: list[HTTPConnection]) -> float:
    """Seconds that clients wait together behind many short steps, none of which is a block."""
    with ThreadPoolExecutor(WORKING + CLIENTS) as threads:
        working = [threads.submit(server.get, "/work") for _ in range(WORKING)]
        time.sleep(0.1)
        felt = sum(threads.map(ask, connections))
        for each in working:
            each.result()
    return felt


def test_many_short_steps(server: Server, clients: list[HTTPConnection]) -> None:
    """In an overload without one long hold, the page says what clients felt too."""
    felt, (counted, waited) = change(
        server, (TOTAL, QUEUED), lambda: felt_during_an_overload(server, clients)
    )
    assert counted["/victim"] == pytest.approx(felt, rel=0.15)
    assert 0.7 * felt < waited["/victim"] <= counted["/victim"]
