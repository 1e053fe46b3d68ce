"""Faults of what requests need: threads, connections, memory, other servers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

from sidelight.slo import names
from tests.drill.crowd import Crowd, asking
from tests.drill.fault import Names
from tests.drill.inbox import Heard
from tests.drill.stack import WORKERS, Stack
from tests.live.counting import settle
from tests.live.servers import eventually, roll
from tests.serving import serving

POOL = {"db_client_connection_pool_name": "stock"}
STOCK = "/stock/{item_id}"
SLOW = 0.3
"""Seconds of a slow upstream; below the latency of the service's objective."""


@contextmanager
def threads(stack: Stack, _: Crowd) -> Iterator[Names]:
    """All threads of one worker sleep, and calls wait for them."""
    with _one_worker(stack, "/report", 12, {}, "most requests in flight are of /report: ") as names:
        yield names


@contextmanager
def connections(stack: Stack, _: Crowd) -> Iterator[Names]:
    """Both connections of one worker are kept, and calls wait for them."""
    text = f"connections there are in use by {STOCK}: "
    with _one_worker(stack, "/stock/3", 8, POOL, text) as names:
        yield names


@contextmanager
def failing_upstream(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A server that the service asks answers with 503; the service's own clients get a 200."""
    with _prices(stack, lambda: 503) as port:
        yield _of_server(port, "Most of them are sent by /prices, and end with 503.")


@contextmanager
def slow_upstream(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A server that answered at once for an hour does so late; the alert compares with that."""
    late = Event()

    def answer() -> int:
        time.sleep(SLOW if late.is_set() else 0)
        return 200

    with _prices(stack, answer) as port:
        past = f'{names.UPSTREAM}{{server_port="{port}"}} offset {stack.time("1h")}'
        eventually(lambda: stack.query(past), stack.seconds("4h"))
        late.set()
        yield _of_server(port, "Most of that time is spent by /prices.")


@contextmanager
def memory(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A route keeps what it answers, until the workers are restarted one by one."""

    def named(heard: Heard) -> bool:
        growth = "The memory of worker " in heard.text and " grows fastest, by " in heard.text
        return heard.labels["instance"] == stack.instance and growth

    try:
        with asking(stack.port, "GET", "/thumbnails/kite", 4, 8):
            yield named
    finally:
        roll(stack.service, WORKERS)
        settle(stack.sidecar, WORKERS)


@contextmanager
def _one_worker(
    stack: Stack, path: str, clients: int, labels: dict[str, str], text: str
) -> Iterator[Names]:
    """A path does wrong on one worker; the alert has its labels, and these, and says the text."""
    pid = stack.service.workers()[-1]
    where = {"instance": stack.instance, "worker": stack.worker(pid), **labels}

    def named(heard: Heard) -> bool:
        return where.items() <= heard.labels.items() and text in heard.text

    with asking(stack.port, "GET", f"{path}?wrong={pid}", 30, clients):
        yield named


@contextmanager
def _prices(stack: Stack, answer: Callable[[], int]) -> Iterator[int]:
    """The port of a server, which gives this status, and which the service asks for prices."""

    class Prices(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer())
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Prices) as port, asking(stack.port, "GET", f"/prices?port={port}", 4, 4):
        yield port


def _of_server(port: int, text: str) -> Names:
    return lambda heard: heard.labels["server_port"] == str(port) and text in heard.text
