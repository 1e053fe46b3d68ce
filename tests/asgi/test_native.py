"""The native way: what goes it, and how its awaitables behave as coroutines do."""

import asyncio
import gc
import inspect
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from starlette.types import Message, Receive, Scope, Send

from sidelight import SidelightMiddleware
from sidelight.asgi import native
from sidelight.asgi.fast_path import PythonCalls, RequestState
from sidelight.extension import extension
from tests.asgi.common_routes import PATHS, RESPONSE, service
from tests.asgi.driver import ask, call, http_scope, run, scrape
from tests.asgi.stepped import OK, Steps

pytestmark = pytest.mark.skipif(extension is None, reason="there is no native way")

SLOT = 4
"""Which argument of `native.promote` is the slot of a request in flight."""


class Ways:
    """How many requests took the Python way, from their start or from a moment on."""

    def __init__(self) -> None:
        self.python = self.promoted = 0


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    """Counts the ways of applications that are made from now on."""
    counted = Ways()
    serve, promote = PythonCalls.__call__, native.promote

    async def python_way(
        calls: PythonCalls, scope: Scope, receive: Receive, send: Send, arrived: int = 0
    ) -> None:
        counted.python += 1
        await serve(calls, scope, receive, send, arrived)

    def promoted(*known: Any) -> RequestState:
        counted.promoted += known[SLOT] is not None  # otherwise counted, but late to return
        return promote(*known)

    monkeypatch.setattr(PythonCalls, "__call__", python_way)
    monkeypatch.setattr(native, "promote", promoted)
    return counted


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        *(("GET", path, None) for path in PATHS),
        pytest.param("POST", "/upload", b"x" * 70_000, id="body"),
        ("GET", "/nowhere", None),
    ],
)
def test_each_kind_of_route_is_counted_natively(
    ways: Ways, method: str, path: str, body: bytes | None
) -> None:
    """Of ten requests, the first teaches the native way their route, and one a body's size."""
    app = service()

    async def ten() -> None:
        for _ in range(10):
            await ask(app, method, path, body=body)

    run(ten())
    routed = path != "/nowhere"
    assert ways.python == 1
    assert ways.promoted == (1 if body else 0 if routed else 9)
    page = scrape(app)
    assert sum(page.requests.values()) == 10
    assert page.value("http_server_request_body_size_bytes_sum") == 10 * len(body or b"")


def test_exclusions_keep_the_other_paths_native(ways: Ways) -> None:
    """An excluded path is not measured, and costs the others no native way."""
    app = service(exclude=["/first/*"])

    async def some() -> None:
        for _ in range(5):
            await ask(app, "GET", "/direct/1")
            await ask(app, "GET", "/first/leaf/1")

    run(some())
    assert scrape(app).routes == {"/direct/{x}": 5}
    assert (ways.python, ways.promoted) == (1 + 5 + 1, 0)  # the first, the excluded, the page


def test_a_server_takes_it_for_an_asgi_3_application() -> None:
    """Servers look whether ``__call__`` is a coroutine function."""
    app = SidelightMiddleware(RESPONSE)
    assert inspect.iscoroutinefunction(app.__call__)
    assert not inspect.iscoroutinefunction(app)
    assert not inspect.isclass(app)


# --- as a coroutine ---


@pytest.fixture
def steps() -> Steps:
    return Steps()


def test_stepped_by_hand(steps: Steps) -> None:
    """Its first step takes None only; its end is a StopIteration; then it can't be used again."""
    request = steps.begin()
    with pytest.raises(TypeError, match="can't send non-None value to a just-started coroutine"):
        request.send(1)
    assert (request.cr_await, request.send(None)) == (None, None)
    assert inspect.iscoroutine(request.cr_await)
    with pytest.raises(StopIteration) as stopped:
        request.send(None)
    assert stopped.value.value == "returned"
    for use, value in ((request.send, None), (request.throw, ValueError())):
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            use(value)
    request.close()
    assert steps.counted == {OK: 3}


def test_an_exception_is_thrown_into_the_application(steps: Steps) -> None:
    """What is thrown arrives where the application waits, and it may go on after it."""
    request = steps.begin()
    request.send(None)
    error = ValueError("thrown")
    with pytest.raises(StopIteration):
        request.throw(error)
    assert steps.thrown == [error]
    assert [message["type"] for message in steps.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert steps.counted == {OK: 3}


def test_thrown_into_before_the_first_step(steps: Steps) -> None:
    """The application is never called, as if a coroutine had not begun; nothing is counted."""
    with pytest.raises(KeyError):
        steps.begin().throw(KeyError("early"))
    assert steps.counted == {OK: 2}


def test_closed_while_it_waits(steps: Steps) -> None:
    """A request that is closed has no response: its client is as good as gone."""
    request = steps.begin()
    request.send(None)
    request.close()
    request.close()
    assert steps.counted == {OK: 2, ("GET", "/", "", "client_disconnected"): 1}


def test_thrown_away_while_it_waits(steps: Steps) -> None:
    """The same, if nothing refers to it any more."""
    steps.begin().send(None)
    gc.collect()
    assert steps.counted == {OK: 2, ("GET", "/", "", "client_disconnected"): 1}


def test_never_awaited(steps: Steps) -> None:
    """A call that is not awaited warns of that, and is not counted."""
    with pytest.warns(RuntimeWarning, match="was never awaited"):
        steps.begin()
    assert steps.counted == {OK: 2}


def test_as_a_task_of_its_own(steps: Steps) -> None:
    """It can be a task, whose representation names it, and be cancelled."""

    async def tasks() -> None:
        whole = asyncio.create_task(steps.begin())
        assert "SidelightMiddleware.__call__" in repr(whole)
        assert await whole == "returned"
        cut = asyncio.create_task(steps.begin())
        await asyncio.sleep(0)
        cut.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cut

    run(tasks())
    assert steps.counted == {OK: 3, ("GET", "/", "", "client_disconnected"): 1}


def test_on_trio(steps: Steps) -> None:
    """Trio starts a task with it as with any coroutine."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await trio.lowlevel.checkpoint()
        await RESPONSE(scope, receive, send)

    app = SidelightMiddleware(serve)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(app, http_scope("GET", "/"), steps.receive, steps.send)

    trio.run(main)
    assert sum(scrape(app).requests.values()) == 3


def test_an_awaitable_that_is_no_coroutine() -> None:
    """The application, and the server's ``receive``, may return any awaitable."""

    class Awaitable:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __await__(self) -> Iterator[Any]:
            return self.inner.__await__()  # type: ignore[no-any-return] # any awaitable may be given

    received = []

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        received.append(await receive())
        await RESPONSE(scope, receive, send)

    app: Any = SidelightMiddleware(lambda *given: Awaitable(serve(*given)))  # type: ignore[arg-type] # any awaitable may be given

    async def main() -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": b"abc", "more_body": False}

        async def send(message: Message) -> None: ...

        for _ in range(4):
            await app(http_scope("POST", "/"), lambda: Awaitable(receive()), send)

    run(main())
    assert [message["body"] for message in received] == [b"abc"] * 4
    assert sum(scrape(app).requests.values()) == 4


def test_nothing_keeps_a_request(steps: Steps) -> None:
    """A scope, its application's frames and its messages are freed when a request is over."""

    class Freed(dict[str, Any]):
        pass

    state = Freed()
    alive = weakref.ref(state)
    scope = {**http_scope("GET", "/"), "state": state}
    del state

    async def main() -> None:
        await steps.app(scope, steps.receive, steps.send)

    gc.disable()
    try:
        run(main())
        scope.clear()
        assert alive() is None
    finally:
        gc.enable()


def test_no_growth_over_many_requests(steps: Steps) -> None:
    """Neither objects nor references grow with the number of requests."""

    async def many(number: int) -> None:
        for _ in range(number):
            await steps.begin()
            steps.sent.clear()

    def held() -> list[int]:
        return [sys.getrefcount(kept) for kept in (steps.app, steps.route, Steps.receive)]

    def objects() -> int:
        gc.collect()
        return len(gc.get_objects())

    run(many(50))
    before, objects_before = held(), objects()
    run(many(2000))
    grown = [now - then for now, then in zip(held(), before, strict=True)]
    assert max(grown) < 100, grown  # a thread that samples frames keeps one for a moment
    assert objects() - objects_before < 200
    assert steps.counted == {OK: 2052}


# --- faults of its own ---


@pytest.mark.parametrize(("broken", "faults"), [("promote", 2), ("conclude", 2)])
def test_a_fault_of_the_way_to_python_reaches_no_request(
    monkeypatch: pytest.MonkeyPatch, broken: str, faults: int
) -> None:
    """A fault where an uncommon request is given to Python is counted; the answer is the same."""

    def fails(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(native, broken, fails)
    app = service()

    async def some() -> list[Any]:
        return [await ask(app, "GET", path) for path in ["/direct/1"] * 3 + ["/docs"] * 2]

    assert [answer.status for answer in run(some())] == [200] * 5
    page = scrape(app)
    assert page.value("http_server_active_requests") == 0
    assert page.value("sidelight_internal_errors_total") == faults


def test_a_series_outside_of_the_file_is_refused() -> None:
    """A word that is not in the file can never be written."""
    app = SidelightMiddleware(RESPONSE)
    call(app)
    key: Any = app.lifecycle.common_keys["GET"]

    class Outside:
        status, limit, size, request_size = 200, 1, 0, 0
        duration = len(key.words) - 3

    with pytest.raises(ValueError, match="duration is outside of the file"):
        key.remember("", object(), Outside())
