"""Clients that ask at a pace, and no faster: the load of the drill."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

PATIENCE = 60.0
"""Seconds a client waits for its answer."""

Pace = Callable[[float], float]
"""Requests a second, of all clients together, by the seconds since the crowd came."""


class Call(NamedTuple):
    """A request, and how often it is made beside others."""

    method: str
    path: str
    weight: float = 1.0


USUAL = (
    Call("GET", "/items/17", 70),
    Call("GET", "/items/none", 5),  # 422, which is the client's own fault
    Call("GET", "/nowhere", 2),
    Call("GET", "/search", 12),
    Call("GET", "/images/kite", 5),
    Call("POST", "/checkout", 2),
    Call("GET", "/report", 2),
    Call("GET", "/stock/3", 2),
    Call("GET", "/deliveries?day=2026-12-24", 2),
)
"""What users do when nothing is wrong."""


def steady(_: float) -> float:
    """60 requests a second."""
    return 60.0


def slow(_: float) -> float:
    """15 requests per second: enough for the short drill."""
    return 15.0


def bursty(seconds: float) -> float:
    """Of every 20 seconds, 4 in a burst of 150 a second, then few, then 40 a second."""
    at = seconds % 20
    if at < 4:
        return 150.0
    return 4.0 if at < 8 else 40.0


class Crowd:
    """So many clients, each on connections of its own; ``keep`` is requests a connection."""

    def __init__(
        self,
        port: int,
        calls: Sequence[Call] = USUAL,
        pace: Pace = steady,
        clients: int = 24,
        keep: int = 20,
    ) -> None:
        self.answered: Counter[int] = Counter()
        """Answers by status; 0 are requests without any."""
        self._port, self._calls, self._pace, self._keep = port, calls, pace, keep
        self._weights = [call.weight for call in calls]
        self._lock = threading.Lock()
        self._stop, self._go = threading.Event(), threading.Event()
        self._go.set()
        self._threads = [
            threading.Thread(target=self._run, args=(seed, clients)) for seed in range(clients)
        ]

    def __enter__(self) -> Self:
        """They come."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """They go, each after its answer."""
        self._stop.set()
        self._go.set()
        for thread in self._threads:
            thread.join()

    def pause(self) -> None:
        """Nobody begins another request."""
        self._go.clear()

    def resume(self) -> None:
        """As before the pause."""
        self._go.set()

    def _run(self, seed: int, clients: int) -> None:
        chance = random.Random(seed)  # noqa: S311 a mix of requests, no secret
        began = due = time.monotonic()
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            for _ in range(chance.randint(1, self._keep)):
                due += chance.expovariate(self._pace(due - began) / clients)
                due = max(due, time.monotonic())
                if self._stop.wait(due - time.monotonic()):
                    break
                self._go.wait()
                if self._stop.is_set() or not self._ask(connection, chance):
                    break
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, chance: random.Random) -> bool:
        (call,) = chance.choices(self._calls, self._weights)
        try:
            connection.request(call.method, call.path)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            with self._lock:
                self.answered[0] += 1
            return False
        with self._lock:
            self.answered[response.status] += 1
        return not response.will_close


def asking(port: int, method: str, path: str, rate: float, clients: int) -> Crowd:
    """Clients that make one request only, each on a connection of its own."""
    return Crowd(port, (Call(method, path),), lambda _: rate, clients, keep=1)
