"""What goes wrong in the drill, the alert that must tell of it, and whom that must name."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Event, Thread
from typing import Any, NamedTuple

from tests.drill.crowd import Call, Crowd
from tests.drill.inbox import Heard
from tests.drill.stack import WORKERS, Stack
from tests.live.counting import settle
from tests.live.servers import eventually
from tests.serving import serving

Names = Callable[[Heard], bool]
STEADY = "min_over_time({rate}[{half}]) > 1 and {rate} offset {half}"
KILLS = 12
"""A bound; four or five are enough on a quiet machine."""


class Fault(NamedTuple):
    """``during`` makes it go wrong while its context lasts, and says who must be named."""

    claim: str
    alert: str
    pages: bool
    during: Callable[[Stack, Crowd], AbstractContextManager[Names]]
    kinds: tuple[str, ...]
    """What `sidelight why` calls the cause."""
    route: str | None = None
    """The route that it names; none where the cause has none."""
    function: str = ""
    """The function of the line that it names; empty where the cause has none."""

    @property
    def severity(self) -> str:
        """The severity of the alert. An alert of the same name and another severity is another."""
        return "critical" if self.pages else "warning"

    def is_of(self, one: Heard) -> bool:
        """Whether a notification is about this fault's alert."""
        return (one.name, one.labels["severity"]) == (self.alert, self.severity)


def _asked(stack: Stack, method: str, path: str, rate: float, clients: int) -> Crowd:
    """Clients that make one request that goes wrong, each on a connection of its own."""
    return Crowd(stack.port, (Call(method, path),), lambda _: rate, clients, keep=1)


@contextmanager
def errors(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A search in four fails; it has no objective of its own, so the text must name it."""
    with _asked(stack, "GET", "/search?wrong=1", 4, 4):
        yield lambda heard: "Most of them are on GET /search, with SearchError." in heard.text


@contextmanager
def latency(stack: Stack, _: Crowd) -> Iterator[Names]:
    """Half of the checkouts take too long for their own objective, too few for the service's."""
    route = {"http_request_method": "POST", "http_route": "/checkout"}
    with _asked(stack, "POST", "/checkout?wrong=1", 1.2, 6):
        yield lambda heard: route.items() <= heard.labels.items()


@contextmanager
def blocked(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A route holds the loop for a quarter of a second, up to twice a second."""
    with _asked(stack, "GET", "/images/kite?wrong=1", 2, 1):
        line = ", in tests.drill.service.image. "
        yield lambda heard: heard.labels["http_route"] == IMAGES and line in heard.text


@contextmanager
def victims(stack: Stack, _: Crowd) -> Iterator[Names]:
    """So many hold the loop for a quarter of a second that all others wait for it for seconds.

    The application answers those quickly, so that only a clock that starts at the arrival tells.
    """
    with _asked(stack, "GET", "/images/kite?wrong=1", 40, 16):
        yield lambda heard: heard.labels["service"] == "shop"


@contextmanager
def threads(stack: Stack, _: Crowd) -> Iterator[Names]:
    """All threads of one worker sleep, and calls wait for them."""
    pid = stack.service.workers()[-1]
    where = _place(stack, pid)
    with _asked(stack, "GET", f"/report?wrong={pid}", 30, 12):
        yield lambda heard: where.items() <= heard.labels.items()


@contextmanager
def connections(stack: Stack, _: Crowd) -> Iterator[Names]:
    """Both connections of one worker are kept, and calls wait for them."""
    pid = stack.service.workers()[-1]
    where = {**_place(stack, pid), "db_client_connection_pool_name": "stock"}
    route = "connections there are in use by /stock/{item_id}: "

    def names(heard: Heard) -> bool:
        return where.items() <= heard.labels.items() and route in heard.text

    with _asked(stack, "GET", f"/stock/3?wrong={pid}", 30, 8):
        yield names


@contextmanager
def upstream(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A server that the service asks answers with 503; the service's own clients get a 200."""

    class Unavailable(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Unavailable) as port, _asked(stack, "GET", f"/prices?port={port}", 5, 4):
        yield lambda heard: heard.labels["server_port"] == str(port)


@contextmanager
def telemetry(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A collector of the application's own metrics raises; no request is affected."""
    broken = stack.where / "broken"
    broken.touch()
    try:
        yield lambda heard: heard.labels["instance"] == stack.instance
    finally:
        broken.unlink()


@contextmanager
def killed(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A worker is killed as soon as the one before has been replaced."""
    enough, failed = Event(), list[BaseException]()

    def kills() -> None:
        service = stack.service
        try:
            for _ in range(KILLS):
                if enough.wait(1):
                    break
                victim = service.workers()[0]
                service.kill(victim)
                eventually(lambda: len(service.workers()) == WORKERS)
                settle(stack.sidecar, WORKERS)
        except BaseException as error:  # noqa: BLE001 told to the test, which runs elsewhere
            failed.append(error)

    thread = Thread(target=kills)
    thread.start()
    try:
        yield lambda heard: heard.labels["instance"] == stack.instance
    finally:
        enough.set()
        thread.join()
    assert not failed


@contextmanager
def stopped(stack: Stack, crowd: Crowd) -> Iterator[Names]:
    """After steady traffic nobody asks any more."""
    rate, half = 'service:http_server_requests:rate5m{job="shop"}', stack.time("30m")
    steady = STEADY.format(rate=rate, half=half)
    eventually(lambda: stack.query(steady), stack.seconds("4h"))
    crowd.pause()
    try:
        yield lambda heard: heard.labels["service"] == "shop"
    finally:
        crowd.resume()


@contextmanager
def down(stack: Stack, _: Crowd) -> Iterator[Names]:
    """The service has ended, and its sidecar has not."""
    stack.service.stop()
    try:
        yield lambda heard: heard.labels["service"] == "shop"
    finally:
        stack.serve()


def _place(stack: Stack, pid: int) -> dict[str, str]:
    return {"instance": stack.instance, "worker": stack.worker(pid)}


STOCK = "/stock/{item_id}"
IMAGES = "/images/{name}"
FAULTS = (
    Fault(
        "errors on one route", "AvailabilityErrorBudgetBurn", True, errors, ("errors",), "/search"
    ),
    Fault(
        "latency on one route",
        "LatencyErrorBudgetBurn",
        True,
        latency,
        ("wait",),
        "/checkout",
        "checkout",
    ),
    Fault("blocked loop", "EventLoopBlocked", False, blocked, ("event_loop",), IMAGES, "image"),
    Fault(
        "clients of a held loop",
        "LatencyErrorBudgetBurn",
        True,
        victims,
        ("event_loop",),
        IMAGES,
        "image",
    ),
    Fault(
        "thread pool exhausted",
        "ThreadPoolSaturated",
        False,
        threads,
        ("thread_pool",),
        "/report",
        "report",
    ),
    Fault(
        "connection pool exhausted",
        "ConnectionPoolExhausted",
        False,
        connections,
        ("connection_pool",),
        STOCK,
    ),
    Fault(
        "an upstream that fails",
        "HTTPClientErrors",
        False,
        upstream,
        ("upstream_errors",),
        "/prices",
    ),
    Fault("broken telemetry", "SidelightErrors", False, telemetry, ("telemetry",)),
    Fault("a worker killed again and again", "RestartLoop", False, killed, ("restarts",)),
    Fault("traffic stopped", "TrafficStopped", True, stopped, ("no_traffic",)),
    Fault("the service down", "TargetsDown", True, down, ("down",)),
)
