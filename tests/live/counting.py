"""Clients that keep count of what they were answered, and readers of the metrics page."""

import http.client
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from tests.live.servers import Server, eventually

DURATION_COUNT = "http_server_request_duration_seconds_count"
_LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: # .*)?\Z")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')

Sample = tuple[str, frozenset[tuple[str, str]]]
Samples = dict[Sample, float]


class RouteStatus(NamedTuple):
    """What a client counts by."""

    method: str
    route: str
    status: str


def samples(page: str) -> Samples:
    """Every sample of a page, by name and labels."""
    found: Samples = {}
    for text in page.splitlines():
        if text and not text.startswith("#"):
            match = _LINE.match(text)
            assert match, text
            key = match[1], frozenset(_LABEL.findall(match[2] or ""))
            assert key not in found, f"twice on one page: {text}"
            found[key] = float(match[3])
    return found


def scrape(server: Server) -> Samples:
    """The samples of the metrics page."""
    status, page = server.get("/metrics")
    assert status == 200, page
    return samples(page)


def value(found: Samples, name: str, **labels: str) -> float:
    """The sum of all samples with a name that have these labels; 0 for none."""
    wanted = set(labels.items())
    return sum(v for (n, has), v in found.items() if n == name and wanted <= has)


def settle(server: Server, workers: int) -> None:
    """Wait until this many workers run: those that stopped are merged then."""
    eventually(lambda: _living(server) == workers)


def _living(server: Server) -> float:
    try:
        return value(scrape(server), "sidelight_workers")
    except (OSError, http.client.HTTPException):
        return -1


def requests(found: Samples) -> Counter[RouteStatus]:
    """Requests counted, by method, route and status."""
    counted: Counter[RouteStatus] = Counter()
    for (name, labels), number in found.items():
        if name == DURATION_COUNT and number:
            has = dict(labels)
            asked = RouteStatus(
                has["http_request_method"], has["http_route"], has["http_response_status_code"]
            )
            counted[asked] += int(number)
    return counted


def fallen(before: Samples, after: Samples) -> list[str]:
    """Counts of the first page that are lower on the second, or gone."""
    never = ("_total", "_bucket", "_count", "_sum")
    return [
        f"{name}{sorted(labels)}: {old} then {after.get((name, labels))}"
        for (name, labels), old in before.items()
        if name.endswith(never) and after.get((name, labels), -1.0) < old
    ]


class Call(NamedTuple):
    """A request a client makes, the route it must be counted under, and its status."""

    method: str
    path: str
    route: str
    status: str

    @property
    def route_status(self) -> RouteStatus:
        """What it counts as."""
        return RouteStatus(self.method, self.route, self.status)


# None whose answer is complete with its head, as a 204 is: a client has that before the
# application has sent its last message, which is what ends a measurement.
CALLS = (
    Call("GET", "/items/17", "/items/{item_id}", "200"),
    Call("GET", "/items/none", "/items/{item_id}", "422"),
    Call("POST", "/items", "/items", "201"),
    Call("DELETE", "/items/3", "/items/{item_id}", "200"),
    Call("GET", "/missing", "/missing", "404"),
    Call("GET", "/boom", "/boom", "500"),
    Call("GET", "/nowhere/at/all", "", "404"),
    Call("PUT", "/items", "/items", "405"),
    Call("GET", "/stream", "/stream", "200"),
)
ITEM = Call("GET", "/items/1", "/items/{item_id}", "200")
MAKE = Call("POST", "/items", "/items", "201")
EXITS = "sidelight_worker_exits_total"
"""The counter of workers that have ended."""


class Load:
    """So many clients at once, each on connections of its own, until told to stop.

    Between two requests each waits for ``PAUSE``: a load, and not all that the machine can do.
    ``answered`` counts complete answers; ``cut`` counts requests that got none, by the same
    key: the server may have counted those or not.
    """

    PAUSE = 0.005

    def __init__(self, server: Server, clients: int = 4, calls: Iterable[Call] = CALLS) -> None:
        self.answered: Counter[RouteStatus] = Counter()
        self.cut: Counter[RouteStatus] = Counter()
        self.wrong: list[str] = []
        self._server = server
        self._calls = tuple(calls)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(seed,)) for seed in range(clients)
        ]

    def __enter__(self) -> Self:
        """Start."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let every client finish its request."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def total(self) -> int:
        """Answers so far."""
        with self._lock:
            return self.answered.total()

    def _run(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 a mix of requests, no secret
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
            for _ in range(chance.randint(1, 30)):
                if self._stop.is_set() or not self._ask(connection, chance.choice(self._calls)):
                    break
                time.sleep(self.PAUSE)
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, call: Call) -> bool:
        try:
            connection.request(call.method, call.path)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            with self._lock:
                self.cut[call.route_status] += 1
            return False
        with self._lock:
            self.answered[call.route_status] += 1
            if str(response.status) != call.status:
                self.wrong.append(f"{call} was answered {response.status}")
        return not response.will_close


class Watch:
    """Scrapes without a pause and keeps what fell from one page to the next."""

    def __init__(self, server: Server) -> None:
        self.falls: list[str] = []
        self.pages = 0
        self._server = server
        self._last: Samples = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join()

    @property
    def falls_of_counts(self) -> list[str]:
        """Without zeros that are gone: routes are known at zero while a worker lives."""
        return [fall for fall in self.falls if not fall.endswith(": 0.0 then None")]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                status, page = self._server.get("/metrics")
                now = samples(page)
            except (OSError, http.client.HTTPException):
                continue  # its worker was killed
            except Exception as error:  # noqa: BLE001 told to the test, which runs elsewhere
                self.falls.append(f"unreadable page: {error}")
                continue
            if status != 200:
                self.falls.append(f"the page answered {status}")
                continue
            self.falls += fallen(self._last, now)
            self._last = now
            self.pages += 1
            self._stop.wait(0.05)


def ask(server: Server, calls: Mapping[Call, int]) -> Counter[RouteStatus]:
    """Make these requests one after the other: what should have been counted."""
    for call, times in calls.items():
        for _ in range(times):
            status, _body = server.get(call.path, call.method)
            assert str(status) == call.status, call
    return Counter({call.route_status: times for call, times in calls.items()})


def counted(server: Server) -> Counter[RouteStatus]:
    """Requests by the page, without those that asked whether the service is there."""
    found = requests(scrape(server))
    return Counter({key: number for key, number in found.items() if key.route != "/pid"})


def check_counted(loads: Sequence[Load], page: Counter[RouteStatus]) -> None:
    """What was counted is what clients were answered, give or take what was cut."""
    answered, cut = Counter[RouteStatus](), Counter[RouteStatus]()
    for load in loads:
        answered += load.answered
        cut += load.cut
        assert not load.wrong
    for key in {*answered, *cut, *page}:
        low, high = answered[key], answered[key] + cut[key]
        assert low <= page[key] <= high, (key, low, page[key], high)


def check_exact(server: Server) -> None:
    """Two workers share exact totals, and no client is cut."""
    with Watch(server) as watch, Load(server, 4) as load:
        eventually(lambda: load.total > 150)
    assert watch.falls == []
    assert not load.cut
    check_counted([load], counted(server))
    assert value(scrape(server), "sidelight_workers") == 2
