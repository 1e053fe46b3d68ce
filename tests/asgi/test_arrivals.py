"""A server's connection is asked when a request arrived, and may answer anything."""

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from sidelight import SidelightMiddleware
from sidelight.asgi.client_connection import LAST_DATA_RECEIVED
from sidelight.runtime import idle_time
from tests.asgi.driver import DURATION, Page, http_scope, scrape

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells when data arrived"
)

QUEUE = "fastapi_request_queue_seconds"
ERRORS = "sidelight_internal_errors_total"
HELD = 0.05
"""Seconds for which the event loop is held: more than two steps of the kernel's timer."""
REQUESTS = 3
START = {"type": "http.response.start", "status": 200, "headers": []}
LAST = {"type": "http.response.body", "body": b"x"}


class Flow:
    """uvicorn's object of a connection that outlives its requests."""


class Cycle:
    """uvicorn's object of one request, as far as its connection is asked for."""

    def __init__(self, transport: Any, flow: Any = None) -> None:
        self.transport = transport
        self.flow = flow or Flow()

    async def receive(self) -> Message:
        return {"type": "http.request"}


class Transport:
    """A transport with a socket."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def get_extra_info(self, _: str) -> Any:
        return self._connection

    def is_closing(self) -> bool:
        return False


class Connection:
    """A socket that answers what is asked of the kernel."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.asked = 0

    def getsockopt(self, *_: int) -> Any:
        self.asked += 1
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class Proxy:
    """Passes every attribute on to another object, and lets nothing be set."""

    __slots__ = ("_of",)

    def __init__(self, of: Any) -> None:
        object.__setattr__(self, "_of", of)

    def __getattribute__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "_of"), name)

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError(name)


class Hostile:
    """An object of which no attribute can be read or set."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError(name)

    def __call__(self) -> Any:
        raise AssertionError


def told(milliseconds: int) -> bytes:
    """What the kernel tells of a connection whose last data arrived so long ago."""
    return bytes(LAST_DATA_RECEIVED) + struct.pack("I", milliseconds)


def closed() -> socket.socket:
    found = socket.socket()
    found.close()
    return found


class UnixSocket:
    """A socket that is no TCP connection, and is closed with this object."""

    def __init__(self) -> None:
        self._ends = socket.socketpair()

    def getsockopt(self, *options: int) -> Any:
        with self._ends[0], self._ends[1]:
            return self._ends[0].getsockopt(*options)


GOOD = Transport(Connection(told(40)))
FAULTS: dict[str, Callable[[], Any]] = {
    "no transport": lambda: Cycle(None).receive,
    "no socket": lambda: Cycle(Transport(None)).receive,
    "a transport of another kind": lambda: Cycle(object()).receive,
    "a closed socket": lambda: Cycle(Transport(closed())).receive,
    "a Unix socket": lambda: Cycle(Transport(UnixSocket())).receive,
    "a short answer": lambda: Cycle(Transport(Connection(told(40)[:-1]))).receive,
    "an empty answer": lambda: Cycle(Transport(Connection(b""))).receive,
    "no TCP_INFO": lambda: Cycle(Transport(Connection(OSError(92, "not available")))).receive,
    "an answer of another type": lambda: Cycle(Transport(Connection(40))).receive,
    "a hostile transport": lambda: Cycle(Hostile()).receive,
    "a hostile receive": Hostile,
    "a receive of a library": lambda: len,
}
STRANGE: dict[str, Callable[[], Any]] = {
    "as uvicorn's": lambda: Cycle(GOOD).receive,
    "a proxy of the transport": lambda: Cycle(Proxy(GOOD)).receive,
    "a flow that takes no attribute": lambda: Cycle(GOOD, Proxy(Flow())).receive,
    "a hostile flow": lambda: Cycle(GOOD, Hostile()).receive,
    "a flow with another value": lambda: Cycle(GOOD, marked("soon")).receive,
}
"""A connection tells here when its data arrived."""
KNOWN = {name: each for name, each in STRANGE.items() if "flow" not in name}


def marked(value: Any) -> Flow:
    flow = Flow()
    flow.sidelight_ended = value  # type: ignore[attr-defined] # what we add to uvicorn's flow control
    return flow


async def endpoint() -> None:
    """Never called."""


ROUTE = Route("/", endpoint)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    scope["route"], scope["endpoint"] = ROUTE, endpoint
    await send(START)
    await send(LAST)


def served(
    make: Callable[[], Any], factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> Page:
    """The page after requests that came while the event loop was held."""
    app = SidelightMiddleware(application)

    async def main() -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await app(http_scope("GET", "/first"), Cycle(None).receive, send)
        await asyncio.sleep(0.15)  # the heartbeat follows the loop
        for _ in range(REQUESTS):
            time.sleep(HELD)  # noqa: ASYNC251 on purpose
            await app(http_scope("GET", "/"), make(), send)
        assert sent == [START, LAST] * (REQUESTS + 1)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
    return scrape(app)


def waits(page: Page) -> float:
    """Waits of the requests, all of which were counted, without a fault."""
    assert page.value(f"{DURATION}_count") == REQUESTS + 1
    assert page.by(ERRORS, "where") == {}
    return page.value(f"{QUEUE}_count")


@pytest.mark.parametrize("make", KNOWN.values(), ids=KNOWN)
def test_a_connection_that_tells(make: Callable[[], Any]) -> None:
    """Requests whose connection tells it have waited for as long as the kernel says.

    They wait until they begin, which is a little after the kernel was asked.
    """
    page = served(make)
    assert waits(page) == REQUESTS
    waited = page.value(f"{QUEUE}_sum")
    assert waited >= REQUESTS * 0.04 or waited == pytest.approx(REQUESTS * 0.04)
    assert waited < REQUESTS * HELD + 0.1


def test_a_connection_is_asked_once_for_a_request() -> None:
    """What is known of a request that waited is not asked again where it is recorded."""
    connection = Connection(told(40))
    assert waits(served(lambda: Cycle(Transport(connection)).receive)) == REQUESTS
    assert connection.asked == REQUESTS


@pytest.fixture
def old_connection() -> Iterator[socket.socket]:
    """A TCP connection on which something arrived a while ago."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0] as accepted,
    ):
        client.sendall(b"x")
        time.sleep(2 * HELD)
        yield accepted


@pytest.mark.parametrize(("since", "waited"), [(-HELD, 0), (HELD / 2, REQUESTS)])
def test_a_request_behind_another_waits_from_its_end_on(
    old_connection: socket.socket, since: float, waited: int
) -> None:
    """What was sent before the last response on a connection ended has not waited before that."""

    def make() -> Any:
        flow = marked(time.monotonic_ns() - round(since * 1e9))
        flow.sidelight_descriptor = old_connection.fileno()  # type: ignore[attr-defined] # what we add to uvicorn's flow control
        return Cycle(Transport(old_connection), flow).receive

    page = served(make)
    assert waits(page) == waited
    assert waited * since <= page.value(f"{QUEUE}_sum") <= waited * (since + HELD)


@pytest.mark.parametrize("make", STRANGE.values(), ids=STRANGE)
def test_a_strange_connection(make: Callable[[], Any]) -> None:
    """What a server's objects refuse is no fault, and no request has it."""
    assert waits(served(make)) <= REQUESTS


@pytest.mark.parametrize("make", FAULTS.values(), ids=FAULTS)
def test_a_connection_that_does_not_tell(make: Callable[[], Any]) -> None:
    """Requests are answered and counted, without a wait, where the server does not tell it."""
    assert waits(served(make)) == 0


class OwnSelector(asyncio.SelectorEventLoop):
    """A loop whose selector is not Python's: nothing can be set on it."""

    def __init__(self) -> None:
        super().__init__()
        self._selector: Any = Proxy(self._selector)


def test_a_loop_with_a_selector_of_its_own() -> None:
    """Where the loop does not tell how long it was idle, requests are counted without a wait."""
    assert waits(served(KNOWN["as uvicorn's"], OwnSelector)) == 0


@pytest.mark.parametrize("lacks", ["libuv_get_loop_t_ptr", "uv_metrics_idle_time", "configured"])
def test_a_uvloop_without_its_symbols(lacks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A uvloop whose libuv can't be asked is a loop that does not tell."""
    uvloop = pytest.importorskip("uvloop")  # it has no wheel for 3.13t
    assert waits(served(KNOWN["as uvicorn's"], uvloop.new_event_loop)) == REQUESTS
    if lacks == "libuv_get_loop_t_ptr":
        monkeypatch.setattr(sys.modules["uvloop.loop"], "__name__", "another")
        monkeypatch.setitem(sys.modules, "uvloop.loop", object())
    else:
        monkeypatch.setattr("ctypes.PyDLL", lambda _: Library(lacks))
    assert waits(served(KNOWN["as uvicorn's"], uvloop.new_event_loop)) == 0


class Function:
    """A function of C that fails."""

    def __call__(self, *_: Any) -> int:
        return -22


class Library:
    """libuv, as far as it is there."""

    def __init__(self, lacks: str) -> None:
        self.uv_loop_configure = Function()
        if lacks != "uv_metrics_idle_time":
            self.uv_metrics_idle_time = Function()


def test_the_idle_time_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter of a loop is the same each time, so that nothing is measured twice."""

    async def main() -> bool:
        loop = asyncio.get_running_loop()
        return idle_time.idle_time(loop) is idle_time.idle_time(loop) is not None

    assert asyncio.run(main())
