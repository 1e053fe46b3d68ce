"""Clients that leave before they are answered, and clients that leave when they have been."""

import importlib.util
import socket
from collections import Counter
from collections.abc import Callable

import pytest

from tests.live.conftest import Serve
from tests.live.counting import DURATION_COUNT, scrape, value
from tests.live.servers import PATIENCE, Server, eventually

pytestmark = pytest.mark.live

DISCONNECTS = "fastapi_client_disconnects_total"
ACTIVE = "fastapi_active_requests"
QUICK = "/quick/{x}"
BIND = "127.0.0.1:{port}"


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)


def request(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()


def read(connection: socket.socket, end: bytes) -> None:
    """Read until these bytes have come."""
    found = b""
    while end not in found:
        part = connection.recv(65536)
        assert part, found
        found += part


def leave(server: Server, connection: socket.socket, *paths: str) -> None:
    """Send these requests at once, and close the connection before the first is answered.

    It is answered once the server has served another request since, and so has read of the end.
    """
    connection.sendall(b"".join(map(request, paths)))
    eventually(lambda: value(scrape(server), ACTIVE, http_route=paths[0]) == 1)
    connection.close()
    assert server.get("/pid")[0] == 200
    assert server.get("/release", "POST")[0] == 200


def outcomes(server: Server, route: str) -> dict[str, float]:
    """Requests of a route, by status and error type."""
    found: Counter[str] = Counter()
    for (name, labels), number in scrape(server).items():
        has = dict(labels)
        if name == DURATION_COUNT and has["http_route"] == route:
            found[f"{has['http_response_status_code']} {has['error_type']}".strip()] += int(number)
    return {outcome: number for outcome, number in found.items() if number}


def settled(server: Server, route: str, number: int) -> dict[str, float]:
    """The outcomes of so many requests, once all have ended."""
    eventually(lambda: sum(outcomes(server, route).values()) >= number)
    return outcomes(server, route)


@pytest.mark.parametrize("app", ["bare", "inside", "outside"])
@pytest.mark.parametrize(
    ("http", "loop"), [("httptools", "uvloop"), ("httptools", "asyncio"), ("h11", "asyncio")]
)
def test_uvicorn_tells_of_clients_that_gave_up(
    uvicorn: Serve, app: str, http: str, loop: str
) -> None:
    """A client that leaves is counted as one, on a new or a used connection; no other is."""
    pytest.importorskip(loop)
    pytest.importorskip(http)
    server = uvicorn(1, f"giving_up:{app}", "--http", http, "--loop", loop).ready()
    leave(server, connect(server), "/wait")
    used = connect(server)
    used.sendall(request("/quick/7"))
    read(used, b"\r\n\r\n7")
    leave(server, used, "/wait")
    for _ in range(3):
        assert server.get("/quick/7")[0] == 200  # and closed at once
    assert settled(server, QUICK, 4) == {"200": 4}
    assert settled(server, "/wait", 2) == {"200 client_disconnected": 2}
    assert value(scrape(server), DISCONNECTS) == 2


def test_what_a_client_has_received_it_did_not_leave(uvicorn: Serve) -> None:
    """The announced bytes are all there before the last message: a client may close then."""
    server = uvicorn(1, "giving_up:bare").ready()
    with connect(server) as connection:
        connection.sendall(request("/announced/0.5"))
        read(connection, b"whole")
    with connect(server) as connection:
        connection.sendall(request("/announced/0.5", "HEAD"))
        read(connection, b"\r\n\r\n")
    assert settled(server, "/announced/{seconds}", 2) == {"200": 2}
    assert value(scrape(server), DISCONNECTS) == 0


def test_a_failure_is_the_services_own_whoever_waits(uvicorn: Serve) -> None:
    """A 5xx counts as one after its client has left: an outage hides behind no disconnects."""
    server = uvicorn(1, "giving_up:bare").ready()
    leave(server, connect(server), "/fail")
    assert settled(server, "/fail", 1) == {"503 503": 1}


def test_pipelined_requests(uvicorn: Serve) -> None:
    """Requests sent at once count as they are answered; of a client that leaves uvicorn knows late.

    While a second request waits, it reads nothing from the connection, and then starts none.
    """
    server = uvicorn(1, "giving_up:bare").ready()
    with connect(server) as connection:
        connection.sendall(request("/quick/7") + request("/quick/8"))
        read(connection, b"\r\n\r\n8")
    assert settled(server, QUICK, 2) == {"200": 2}
    leave(server, connect(server), "/wait", "/wait")
    assert settled(server, "/wait", 1) == {"200": 1}
    assert value(scrape(server), ACTIVE, http_route="/wait") == 0


def gunicorn(serve: Serve, kind: str) -> Server:
    return serve("gunicorn", "giving_up:bare", "--bind", BIND, "--worker-class", kind)


def hypercorn(serve: Serve, _: str) -> Server:
    return serve("hypercorn", "giving_up:bare", "--bind", BIND)


def granian(serve: Serve, _: str) -> Server:
    where = ["--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}"]
    return serve("granian", "giving_up:bare", *where, spawned=True)


@pytest.mark.parametrize(
    ("start", "kind", "needs", "known"),
    [
        (gunicorn, "uvicorn_worker.UvicornWorker", "uvicorn_worker", True),
        (gunicorn, "asgi", "gunicorn.workers.gasgi", True),
        (hypercorn, "", "hypercorn", True),
        (granian, "", "granian", False),
    ],
    ids=["gunicorn-uvicorn", "gunicorn-asgi", "hypercorn", "granian"],
)
def test_other_servers(
    serve: Serve, *, start: Callable[[Serve, str], Server], kind: str, needs: str, known: bool
) -> None:
    """Where a server keeps that a client left, it is counted; and none that did not."""
    if importlib.util.find_spec(needs.partition(".")[0]) is None:
        pytest.skip(f"{needs} is not installed")
    pytest.importorskip(needs)
    server = start(serve, kind).ready()
    leave(server, connect(server), "/wait")
    assert server.get("/quick/7")[0] == 200
    assert settled(server, QUICK, 1) == {"200": 1}
    assert settled(server, "/wait", 1) == {"200 client_disconnected" if known else "200": 1}
    assert value(scrape(server), DISCONNECTS) == int(known)
