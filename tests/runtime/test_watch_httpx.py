"""Requests of watched HTTP clients: from the request to the end of its response."""

import asyncio
import contextvars
import importlib
import importlib.util
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from sidelight import SidelightMiddleware, watch
from sidelight.cardinality import CardinalityLimiter
from sidelight.contract import NANOSECONDS
from sidelight.runtime.adapters import httpx_clients
from sidelight.runtime.origin import ORIGIN
from tests.asgi.clock import Clock
from tests.asgi.driver import call
from tests.runtime.reading import Worker
from tests.serving import serving

NAME = "http_client_request_duration_seconds"
HERE = "127.0.0.1"
LIBRARIES = [name for name in ("httpx", "httpx2") if importlib.util.find_spec(name)]
PATIENCE = 60.0
SOON = 0.05
"""Seconds."""
rest = threading.Event()
"""Lets the server send the rest of a response whose headers it has sent."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        what = self.path.strip("/")
        if what == "moved":
            self.answer(302, b"", location="/fine")
        elif what == "late":
            self.answer(200, b"", length=4)
            self.wfile.flush()
            rest.wait(PATIENCE)
            with suppress(OSError):  # the client may have left
                self.wfile.write(b"late")
        elif what == "never":
            self.answer(200, b"", length=4)
            self.wfile.flush()
            self.rfile.read(1)  # until the client has left
        elif what == "broken":
            self.answer(200, b"half", length=8)
            self.close_connection = True
        else:
            self.answer({"missing": 404, "bad": 503}.get(what, 200), b"fine")

    do_POST = do_BREW = do_GET  # noqa: N815 names the server looks for

    def answer(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 its name in the standard library
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(Handler) as port:
        yield f"http://{HERE}:{port}"


@pytest.fixture(autouse=True)
def nothing_waits() -> Iterator[None]:
    """The server waits with the rest of a response only as long as a test does."""
    rest.clear()
    yield
    rest.set()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that requests are measured with."""
    found = Clock()
    monkeypatch.setattr(httpx_clients, "time", SimpleNamespace(monotonic_ns=found))
    return found


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Any:
    return importlib.import_module(request.param)


@pytest.fixture(autouse=True)
def unbounded_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the label sets of other tests."""
    monkeypatch.setattr(httpx_clients, "_servers", CardinalityLimiter(httpx_clients.MOST_SERVERS))
    monkeypatch.setattr(httpx_clients, "_errors", CardinalityLimiter(httpx_clients.MOST_ERRORS))
    monkeypatch.setattr(httpx_clients, "_series", set())


def seen(worker: Worker) -> dict[tuple[str, ...], int]:
    """Requests by method, server, status and error type."""
    found: Counter[tuple[str, ...]] = Counter()
    for (method, _route, server, _port, *answer), values in worker.all(NAME).items():
        found[method, server, *answer] += sum(values[1:])
    return dict(found)


def by_route(worker: Worker) -> dict[str, int]:
    """Requests by the route that sent them."""
    found: Counter[str] = Counter()
    for (_method, route, *_), values in worker.all(NAME).items():
        found[route] += sum(values[1:])
    return dict(found)


def seconds(worker: Worker, port: str) -> float:
    """The time of successful GET requests to a port of this machine."""
    return worker.all(NAME)["GET", "", HERE, port, "200", ""][0] / NANOSECONDS


def both(
    library: Any, name: str, steps: Any, on_headers: Any = lambda _: None, **options: Any
) -> None:
    """Run steps with a sync client, and then with an async one.

    ``on_headers`` is called with each response whose body has not been read yet.
    """
    with watch(library.Client(**options), name=name) as client:
        client.event_hooks = {"response": [on_headers]}
        asyncio.run(steps(Awaited(client)))

    async def hook(response: Any) -> None:
        on_headers(response)

    async def main() -> None:
        async with watch(library.AsyncClient(**options), name=name + "-async") as client:
            client.event_hooks = {"response": [hook]}
            await steps(client)

    asyncio.run(main())


class Awaited:
    """A sync client that is called like an async one."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        return self._client.request(*args, **kwargs)


def test_requests_by_method_server_status_and_error(
    library: Any, url: str, worker: Worker, name: str
) -> None:
    """Each answer counts with its status; from 400 on that is its error type too."""

    async def steps(client: Any) -> None:
        for method, path in [("GET", "fine"), ("POST", "missing"), ("GET", "bad"), ("BREW", "")]:
            answer = await client.request(method, f"{url}/{path}")
            assert answer.text == "fine"
            assert answer.elapsed.total_seconds() > 0

    both(library, name, steps)
    assert seen(worker) == {
        ("GET", HERE, "200", ""): 2,
        ("POST", HERE, "404", "404"): 2,
        ("GET", HERE, "503", "503"): 2,
        ("_OTHER", HERE, "200", ""): 2,
    }


def test_servers_are_told_apart_by_their_port(library: Any, worker: Worker, name: str) -> None:
    """Two services on one host are two series; without a port it is that of the scheme."""
    transport = library.MockTransport(lambda _: library.Response(200))
    addresses = {
        "http://host.example:8001/": ("host.example", "8001"),
        "http://host.example:8002/": ("host.example", "8002"),
        "http://host.example/": ("host.example", "80"),
        "https://host.example/": ("host.example", "443"),
        "http://[::1]:8003/": ("::1", "8003"),
    }
    with watch(library.Client(transport=transport), name=name) as client:
        for url in addresses:
            client.get(url)
    servers = {labels[2:4]: sum(values[1:]) for labels, values in worker.all(NAME).items()}
    assert servers == dict.fromkeys(addresses.values(), 1)


def test_each_redirect_is_a_request(library: Any, url: str, worker: Worker, name: str) -> None:
    """A redirect that is followed counts once for each hop."""

    async def steps(client: Any) -> None:
        answer = await client.request("GET", f"{url}/moved")
        assert [found.status_code for found in (*answer.history, answer)] == [302, 200]

    both(library, name, steps, follow_redirects=True)
    assert seen(worker) == {("GET", HERE, "302", ""): 2, ("GET", HERE, "200", ""): 2}


def test_exceptions_come_out_and_are_counted(
    library: Any, url: str, worker: Worker, name: str
) -> None:
    """An exception reaches the caller, and its class is the error type, with the status if any."""
    nowhere = f"http://{HERE}:1"

    async def steps(client: Any) -> None:
        with pytest.raises(library.ConnectError) as caught:
            await client.request("GET", nowhere)
        assert caught.value.request.url == nowhere
        with pytest.raises(library.RemoteProtocolError):
            await client.request("GET", f"{url}/broken")
        with pytest.raises(library.ReadTimeout):
            await client.request("GET", f"{url}/never")

    def no_more_time(response: Any) -> None:
        response.request.extensions["timeout"]["read"] = SOON  # from now on: the headers are there

    both(library, name, steps, no_more_time, timeout=PATIENCE)
    assert seen(worker) == {
        ("GET", HERE, "", "ConnectError"): 2,
        ("GET", HERE, "200", "RemoteProtocolError"): 2,
        ("GET", HERE, "200", "ReadTimeout"): 2,
    }


def test_a_request_lasts_until_its_body_is_read(
    library: Any, url: str, worker: Worker, name: str, clock: Clock
) -> None:
    """The time is that of the whole response, of which the body comes 3 s after the headers."""

    async def steps(client: Any) -> None:
        rest.clear()
        assert (await client.request("GET", f"{url}/late")).text == "late"

    def body_is_late(_: Any) -> None:
        clock.pass_by(3)
        rest.set()

    both(library, name, steps, body_is_late)
    assert seconds(worker, url.rpartition(":")[2]) == 2 * 3


def test_a_stream_lasts_until_it_is_closed(
    library: Any, url: str, worker: Worker, name: str, clock: Clock
) -> None:
    """A stream counts once, when it is closed, read to its end or not."""
    with watch(library.Client(), name=name) as client:
        with client.stream("GET", f"{url}/fine") as answer:
            assert not seen(worker)
            assert list(answer.iter_bytes()) == [b"fine"]
            answer.close()
        with client.stream("GET", f"{url}/late"):
            clock.pass_by(3)
    assert seen(worker) == {("GET", HERE, "200", ""): 2}
    assert seconds(worker, url.rpartition(":")[2]) == 3

    async def main() -> None:
        async with watch(library.AsyncClient(), name=name + "-async") as client:
            async with client.stream("GET", f"{url}/fine") as answer:
                async for chunk in answer.aiter_raw(2):
                    assert chunk == b"fi"
                    break
            assert seen(worker) == {("GET", HERE, "200", ""): 3}

    asyncio.run(main())


def test_a_cancelled_request_is_counted(library: Any, url: str, worker: Worker, name: str) -> None:
    """A caller's own timeout is the error type CancelledError, and reaches the caller."""

    async def give_up_at_the_body(client: Any) -> None:
        async with asyncio.timeout(None) as limit:

            async def no_more_time(_: Any) -> None:
                limit.reschedule(asyncio.get_running_loop().time())

            client.event_hooks = {"response": [no_more_time]}
            await client.get(f"{url}/never")

    async def main() -> None:
        async with watch(library.AsyncClient(timeout=PATIENCE), name=name) as client:
            with pytest.raises(TimeoutError):
                await give_up_at_the_body(client)

    asyncio.run(main())
    assert seen(worker) == {("GET", HERE, "200", "CancelledError"): 1}


def test_transports_mounts_hooks_and_auth_are_the_applications(
    library: Any, worker: Worker, name: str
) -> None:
    """Every transport of a client counts; hooks run as before, and each step of an auth counts."""
    called: list[Any] = []

    def answer(request: Any) -> Any:
        if "authorization" not in request.headers:
            challenge = 'Digest realm="r", nonce="n", algorithm=MD5'
            return library.Response(401, headers={"www-authenticate": challenge})
        return library.Response(200, json={"host": request.url.host})

    transport = library.MockTransport(answer)
    client = watch(
        library.Client(
            transport=transport,
            mounts={"all://inner.example": library.MockTransport(answer)},
            event_hooks={"request": [called.append], "response": [called.append]},
            auth=library.DigestAuth("me", "secret"),
        ),
        name=name,
    )
    with client:
        assert client._transport is transport
        assert client.get("http://Inner.example/").json() == {"host": "inner.example"}
        assert client.get("http://outer.example/").json() == {"host": "outer.example"}
    assert len(called) == 6
    assert seen(worker) == {
        ("GET", "inner.example", "401", "401"): 1,
        ("GET", "inner.example", "200", ""): 1,
        ("GET", "outer.example", "200", ""): 1,
    }


def test_labels_are_bounded(
    library: Any, worker: Worker, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past a cap servers, errors and whole label sets are _OTHER, and every request counts."""

    def answer(request: Any) -> Any:
        if request.url.host.startswith("bad"):
            raise type(request.url.host.partition(".")[0], (Exception,), {})
        return library.Response(int(request.url.path[1:]))

    def ask(url: str) -> None:
        try:
            client.get(url)
        except Exception as error:  # noqa: BLE001 each has a class of its own
            assert type(error).__name__.startswith("bad")  # noqa: PT017 as above

    client = watch(library.Client(transport=library.MockTransport(answer)), name=name)
    for number in range(120):
        ask(f"http://bad{number}.example/")
    for number in range(120):
        ask(f"http://many{number}.example/200")
    for status in range(200, 600):
        ask(f"http://one.example/{status}")
    client.close()
    found = seen(worker)
    assert len(found) <= httpx_clients.MOST_SERIES + 2
    assert sum(found.values()) == 640
    assert len({labels[1] for labels in found}) == httpx_clients.MOST_SERVERS + 1
    assert found["_OTHER", "_OTHER", "", ""] > 0
    assert found["_OTHER", "_OTHER", "", "_OTHER"] > 0


def test_requests_count_for_the_route_that_sends_them(
    library: Any, worker: Worker, name: str
) -> None:
    """A request has the route of the one whose endpoint or task sends it; others have none."""
    transport = library.MockTransport(lambda _: library.Response(200))
    client = watch(library.Client(transport=transport), name=name)
    app = FastAPI()

    @app.get("/in-a-thread/{item}")
    def in_a_thread(item: int) -> None:
        client.get("http://one.example/")

    @app.get("/in-a-task/{item}")
    async def in_a_task(item: int) -> None:
        async with watch(library.AsyncClient(transport=transport), name=name + "-async") as other:
            await asyncio.gather(*(other.get("http://one.example/") for _ in range(2)))

    app.add_middleware(SidelightMiddleware)
    for path in ("/in-a-thread/1", "/in-a-task/1", "/in-a-thread/2"):
        assert call(app, "GET", path).status == 200
    client.get("http://one.example/")
    client.close()
    assert by_route(worker) == {"/in-a-thread/{item}": 2, "/in-a-task/{item}": 2, "": 1}


def test_routes_are_bounded(library: Any, worker: Worker, name: str) -> None:
    """Past a number of label sets the route is _OTHER, and the server is still named."""

    class Requested:
        recorder = None

        def route_of(self, path: str) -> str:
            return path

    transport = library.MockTransport(lambda _: library.Response(200))
    client = watch(library.Client(transport=transport), name=name)
    for number in range(httpx_clients.MOST_ROUTED + 20):
        context = contextvars.copy_context()
        context.run(ORIGIN.set, (Requested(), f"/r{number}"))
        context.run(client.get, "http://one.example/")
    client.close()
    found = by_route(worker)
    assert len(found) == httpx_clients.MOST_ROUTED + 1
    assert found["_OTHER"] == 20
    assert seen(worker) == {("GET", "one.example", "200", ""): httpx_clients.MOST_ROUTED + 20}


def test_a_subclass_with_its_own_ways_is_watched(library: Any, worker: Worker, name: str) -> None:
    """A client of a subclass is watched, and none of its own methods is bypassed."""

    class Own(library.Client):  # type: ignore[misc] # a class of either library
        sent = 0

        def send(self, *args: Any, **kwargs: Any) -> Any:
            self.sent += 1
            return super().send(*args, **kwargs)

    transport = library.MockTransport(lambda _: library.Response(204))
    with watch(Own(transport=transport), name=name) as client:
        assert client.get("http://own.example/").status_code == 204
        assert client.sent == 1
    assert seen(worker) == {("GET", "own.example", "204", ""): 1}
