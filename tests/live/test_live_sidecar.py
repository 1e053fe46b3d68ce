"""A sidecar beside a service that can't answer: it can, and says what is wrong."""

import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import (
    EXITS,
    ITEM,
    MAKE,
    Call,
    RouteStatus,
    Samples,
    ask,
    counted,
    samples,
    scrape,
    settle,
    value,
)
from tests.live.holding import Hold
from tests.live.servers import Server, eventually
from tests.live.sidecars import (
    Answer,
    Sidecar,
    fetch,
    raw,
    request_in_background,
    worker_files,
)

OF_SOCKETS = ("sidelight_accept_queue", "sidelight_unread_bytes")
pytestmark = pytest.mark.live

BOOM = Call("GET", "/boom", "/boom", "500")
AGE = "sidelight_worker_heartbeat_age_seconds"
SCRAPES = 10
"""While a handler holds its worker."""
STUCK = 2.5
"""Seconds after which a heartbeat is too old."""
CLOSE = b"Host: localhost\r\nConnection: close\r\n\r\n"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def blocked_at(server: Server) -> float:
    """When the handler began, by the clock that all processes share."""
    return float(eventually(lambda: re.findall(r"blocked at (\S+)\n", server.log))[-1])


def watch_blocked(
    server: Server, sidecar: Sidecar, route: str, pause: float, each: Callable[[Samples], None]
) -> None:
    """Scrape ten times while a handler holds its worker."""
    began, busy = blocked_at(server), sidecar.cpu_seconds
    ages = []
    for _ in range(SCRAPES):
        before = time.monotonic()
        status, body = sidecar.get("/metrics")
        after = time.monotonic()
        assert status == 200, body
        page = samples(body)
        assert value(page, "fastapi_active_requests", http_route=route) == 1
        age = value(page, "fastapi_oldest_active_request_seconds", http_route=route)
        assert before - began - 0.5 <= age <= after - began + 0.5
        ages.append(age)
        each(page)
        time.sleep(pause)
    assert sorted(ages) == ages
    assert ages[-1] > ages[0]
    assert (sidecar.cpu_seconds - busy) / SCRAPES < 0.1  # its own work: it waits for nobody


def check_state(page: Samples) -> None:
    """One worker, which is blocked once its heartbeat is too old."""
    age = value(page, AGE, worker="0")
    state = "blocked" if age > STUCK else "serving"
    assert value(page, "sidelight_workers", state=state) == 1
    assert value(page, "sidelight_workers") == 1


def check_recovered(
    sidecar: Sidecar, name: str, store: Path, expected: dict[RouteStatus, int]
) -> None:
    """The worker is back, it is the same one, and nothing was counted but what happened."""
    eventually(lambda: value(scrape(sidecar), "sidelight_workers", state="serving") == 1)
    eventually(lambda: value(scrape(sidecar), "fastapi_active_requests") == 0)
    assert counted(sidecar) == expected
    page = scrape(sidecar)
    assert value(page, EXITS) == 0
    assert value(page, AGE) < PATIENT_BEAT
    assert worker_files(store) == [name]


PATIENT_BEAT = 20
"""Seconds: on a busy machine a beat comes late."""


def test_answers_while_a_handler_blocks_its_loop(
    uvicorn: Serve, store: Path, tmp_path: Path
) -> None:
    """While a handler sleeps on the event loop the sidecar names it, and the service is silent."""
    hold = Hold(tmp_path)
    server = uvicorn(1, SIDELIGHT_DIR=str(store), **hold.env).ready()
    with Sidecar(store, tmp_path) as sidecar:
        expected = ask(server, {ITEM: 20, MAKE: 3})
        [name] = worker_files(store)
        states = []

        def each(page: Samples) -> None:
            check_state(page)
            states.append(value(page, "sidelight_workers", state="blocked"))

        with request_in_background(server, "/block"):
            blocked_at(server)
            with pytest.raises(TimeoutError):
                server.get("/metrics", timeout=0.5)
            watch_blocked(server, sidecar, "/block", 0.3, each)
            assert states[-1] == 1
            assert states == sorted(states)
            hold.end()
        expected[RouteStatus("GET", "/block", "200")] = 1
        check_recovered(sidecar, name, store, expected)


def test_answers_while_a_handler_holds_the_gil(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """While no thread of the worker can run the sidecar answers, and names the handler."""
    hold = Hold(tmp_path)
    server = uvicorn(1, SIDELIGHT_DIR=str(store), **hold.env).ready()
    with Sidecar(store, tmp_path) as sidecar:
        expected = ask(server, {ITEM: 20, MAKE: 3})
        [name] = worker_files(store)
        with request_in_background(server, "/hold-gil"):
            blocked_at(server)
            with pytest.raises(TimeoutError):
                server.get("/metrics", timeout=0.2)
            watch_blocked(server, sidecar, "/hold-gil", 0.1, check_state)
            hold.end()
        expected[RouteStatus("GET", "/hold-gil", "200")] = 1
        check_recovered(sidecar, name, store, expected)


@pytest.mark.parametrize("accept", ["text/plain;version=0.0.4", OPENMETRICS])
def test_its_page_is_a_workers(uvicorn: Serve, store: Path, tmp_path: Path, accept: str) -> None:
    """In either format the sidecar and a worker show the same series, with the same counts.

    A sidecar with a history says more, of that, and any says what waits in the service's sockets.
    """
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path, "--history", "0") as sidecar:
        settle(sidecar, 2)
        ask(server, {ITEM: 30, MAKE: 5, BOOM: 2})
        server.kill(server.workers()[0])
        settle(sidecar, 2)
        ask(server, {ITEM: 10})
        own, served = eventually(lambda: equal_pages(sidecar, server, accept))
        assert own.headers["content-type"] == served.headers["content-type"]
        assert own.headers["vary"] == served.headers["vary"]
        assert types_of(own.text) == types_of(served.text)
        assert {key for key in samples(own.text) if key[0] == "target_info"} == {
            key for key in samples(served.text) if key[0] == "target_info"
        }
        assert own.text.endswith("# EOF\n") is (accept == OPENMETRICS)


def equal_pages(sidecar: Sidecar, server: Server, accept: str) -> list[Answer]:
    """The pages of both, once they have the same samples of requests.

    On a busy machine a beat of a worker counts waits for its loop between the two.
    """
    own, served = (fetch(one, "/metrics", {"Accept": accept}) for one in (sidecar, server))
    shown, expected = (
        {
            key: v
            for key, v in samples(page.text).items()
            if key[0].startswith(("http_", "fastapi_"))
        }
        for page in (own, served)
    )
    return [own, served] if shown == expected else []


def types_of(page: str) -> list[str]:
    """Names, types and helps of all families but those of sockets."""
    found = [text for text in page.splitlines() if text.startswith("# ")]
    return [text for text in found if not any(f" {name}" in text for name in OF_SOCKETS)]


def test_a_compressed_page_is_the_page(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """A client that takes gzip gets the same page, smaller; one that doesn't gets it as it is."""
    server = uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as sidecar:
        ask(server, {ITEM: 30, MAKE: 5})

        def same() -> bool:
            plain = fetch(sidecar, "/metrics")
            packed = fetch(sidecar, "/metrics", {"Accept-Encoding": "gzip"})
            assert "content-encoding" not in plain.headers
            assert packed.headers["content-encoding"] == "gzip"
            assert len(packed.body) < len(plain.body) / 2
            unpacked = zlib.decompress(packed.body, 16 + zlib.MAX_WBITS).decode()
            return samples(unpacked).keys() == samples(plain.text).keys()

        eventually(same)  # a worker that runs may have new series in between


def test_head_is_the_page_without_its_body(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """HEAD gets status and type of the page and no body; POST is not allowed."""
    uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as sidecar:
        page = fetch(sidecar, "/metrics")
        head, _, body = raw(sidecar, b"HEAD /metrics HTTP/1.1\r\n" + CLOSE).partition(b"\r\n\r\n")
        assert page.status == 200
        assert head.startswith(b"HTTP/1.1 200 ")
        assert f"content-type: {page.headers['content-type']}\r\n".encode() in head
        assert body == b""
        assert fetch(sidecar, "/metrics", method="POST").status == 405
        assert fetch(sidecar, "/nowhere").status == 404
