"""A trusted proxy's header says when a request's clock starts."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from sidelight import SidelightMiddleware
from sidelight.asgi.queue_header import since
from sidelight.store.inflight import UNTRACKED
from sidelight.store.mapped_file import StoreFull
from sidelight.store.writer import WorkerFile
from tests.asgi.clock import Clock
from tests.asgi.common_routes import PATHS, service
from tests.asgi.driver import DURATION, Page, call, http_scope, scrape

NOW = 1_764_534_000_500_000_000
"""30 November 2025, 20:20:00.5 UTC, in nanoseconds."""
QUEUE = "fastapi_request_queue_seconds"
IGNORED = "sidelight_queue_headers_ignored_total"
START = {"type": "http.response.start", "status": 200, "headers": []}
LAST = {"type": "http.response.body", "body": b"x"}

FORMS = {
    "t=1764533999.5": 1.0,
    "1764533999.5": 1.0,
    " 1764533999 ": 1.5,
    "t=1764533999.500000": 1.0,
    "1764533998500": 2.0,
    "t=1764533998500": 2.0,
    "1764533998500.0": 2.0,
    "1764533997500000": 3.0,
    "t=1764533997500000": 3.0,
    "t=1764533940.5": 60.0,
    "t=1764534000.5": 0.0,
}
ABSURD = {
    "-1764533999.5": "negative",
    "t=-5": "negative",
    "1764534000.75": "future",
    "1764534000501": "future",
    "1764533997500000000": "future",
    "9" * 20: "future",
    "1764533940.25": "too_old",
    "0": "too_old",
    "5": "too_old",
    "": "not_a_number",
    "t=": "not_a_number",
    "now": "not_a_number",
    "nan": "not_a_number",
    "inf": "not_a_number",
    "1e9": "not_a_number",
    "1_764_533_999": "not_a_number",
    "1764533999,5": "not_a_number",
    "1764533999.": "not_a_number",
    "1764533999.5, 1764533999.5": "not_a_number",
    "t=t=1764533999.5": "not_a_number",
    "\u0661": "not_a_number",
    "9" * 21: "not_a_number",
    "9" * 100_000: "not_a_number",
}


@pytest.mark.parametrize(("text", "seconds"), FORMS.items())
def test_forms(text: str, seconds: float) -> None:
    """Seconds, milliseconds and microseconds since the epoch, with and without ``t=``."""
    ns, problem = since(text.encode(), NOW)
    assert not problem
    assert ns / 1e9 == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(("text", "problem"), ABSURD.items(), ids=lambda text: text[:30])
def test_absurd_values(text: str, problem: str) -> None:
    """What can't be the time of a request says why."""
    assert since(text.encode(), NOW) == (0, problem)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the wall clock that the header is compared with."""
    monkeypatch.setattr("sidelight.asgi.queue_header.time_ns", lambda: NOW)


def measured(clock: Clock, **options: Any) -> SidelightMiddleware:
    """An application that takes a quarter of a second."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        clock.pass_by(0.25)
        await send(START)
        await send(LAST)

    return SidelightMiddleware(inner, **options)


def counted(page: Page, name: str) -> tuple[float, float]:
    """Observations, and their sum to a microsecond: a double has 0.2 µs of the epoch."""
    return page.value(f"{name}_count"), round(page.value(f"{name}_sum"), 6)


@pytest.mark.usefixtures("wall")
def test_the_clock_starts_at_the_header(clock: Clock) -> None:
    """What lies before the application is in the duration, and is the queue of each request."""
    app = measured(clock, queue_header="X-Request-Start", slow_request_threshold=1.0)
    for text in ("t=1764533999.5", "1764533999500"):
        call(app, headers={"X-Request-Start": text})
    call(app)
    page = scrape(app)
    assert counted(page, DURATION) == (3, 2.75)
    assert counted(page, QUEUE) == (2, 2.0)
    assert page.value("fastapi_slow_requests_total") == 2
    assert page.by(IGNORED, "reason") == {}


@pytest.mark.usefixtures("wall")
def test_every_request_of_a_route_has_its_queue() -> None:
    """The header counts on each request, and not only until its route is known."""
    app = service(queue_header="x-request-start")
    for _ in range(5):
        call(app, path=PATHS[0], headers={"X-Request-Start": "t=1764533999.5"})
    page = scrape(app)
    assert counted(page, QUEUE) == (5, 5.0)
    assert page.value(f"{DURATION}_sum") > 5.0


@pytest.mark.usefixtures("wall")
def test_absurd_headers_are_counted(clock: Clock) -> None:
    """A request with a header that can't be right is measured as without, and counted."""
    app = measured(clock, queue_header="x-request-start")
    for text in ABSURD:
        call(app, headers={"x-request-start": text} if text.isascii() else {})
    twice = [(b"x-request-start", b"1764533999.5")] * 2
    call(app, scope={"headers": twice})
    page = scrape(app)
    assert counted(page, DURATION) == (len(ABSURD) + 1, 0.25 * (len(ABSURD) + 1))
    assert counted(page, QUEUE) == (0, 0)
    expected = [*ABSURD.values(), "repeated"]
    expected.remove("not_a_number")  # the text that is not ASCII
    assert page.by(IGNORED, "reason") == {one: expected.count(one) for one in set(expected)}


@pytest.mark.usefixtures("wall")
def test_without_the_setting_the_header_says_nothing(clock: Clock) -> None:
    """A client can't move the clock of a service that did not choose to trust the header."""
    app = measured(clock)
    call(app, headers={"X-Request-Start": "t=1764533999.5"})
    page = scrape(app)
    assert (counted(page, DURATION), counted(page, QUEUE)) == ((1, 0.25), (0, 0))


@pytest.mark.parametrize("without", [False, True], ids=["headers", "no headers"])
def test_no_request_is_changed(monkeypatch: pytest.MonkeyPatch, *, without: bool) -> None:
    """The application receives the header as it was sent, also where it can't be counted."""
    seen: list[Scope] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send(START)
        await send(LAST)

    app = SidelightMiddleware(inner, queue_header="x-request-start")
    call(app)
    monkeypatch.setattr(WorkerFile, "count", _full)
    more: Any = {"headers": ...} if without else {}
    answer = call(app, headers={"x-request-start": "soon"}, scope=more)
    sent: list[Message] = answer.sent
    assert (answer.error, sent) == (None, [START, LAST])
    expected = http_scope("GET", "/", {"x-request-start": "soon"}, more)
    assert {key: seen[-1].get(key, ...) for key in expected} == expected
    assert seen[-1].keys() - expected.keys() <= {"sidelight"}


def _full(*_: Any) -> None:
    raise StoreFull


@pytest.mark.usefixtures("wall")
def test_an_untracked_request_has_its_queue(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for which no slot was free has waited as long as its header says."""
    app = measured(clock, queue_header="x-request-start")
    monkeypatch.setattr(WorkerFile, "_new_slot", lambda _: UNTRACKED)
    call(app, headers={"x-request-start": "t=1764533999.5"})
    assert counted(scrape(app), QUEUE) == (1, 1.0)
