"""What the extension must survive: calls from within, garbage, and a key that changes meanwhile."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from sidelight import SidelightMiddleware
from sidelight.asgi import native
from sidelight.extension import extension
from sidelight.store.atomic_add import FREE_THREADED
from tests.asgi.driver import http_scope, run, scrape
from tests.asgi.stepped import OK, Steps

pytestmark = pytest.mark.skipif(extension is None, reason="there is no native way")

ENDED = ("GET", "/", "", "client_disconnected")


@pytest.fixture
def steps() -> Steps:
    return Steps()


# --- from within, and as a coroutine would ---


@pytest.mark.parametrize("use", ["send", "throw", "close"])
def test_a_step_within_a_step_is_refused(steps: Steps, use: str) -> None:
    """A request that runs can't be driven by its own application, and is counted as it ends."""
    arguments: Any = {"send": [None], "throw": [ValueError()], "close": []}[use]
    refused = []

    async def send(message: Message) -> None:
        try:
            getattr(request, use)(*arguments)
        except ValueError as error:
            refused.append(str(error))

    request: Any = steps.app(http_scope("GET", "/"), steps.receive, send)
    run(request)
    assert refused == ["coroutine already executing"] * 2
    assert steps.counted == {OK: 3}


def test_a_throw_of_nothing_is_refused(steps: Steps) -> None:
    """Without an exception there is nothing to throw: the request goes on."""
    request = steps.begin()
    request.send(None)
    with pytest.raises(TypeError, match="throw"):
        request.throw()
    with pytest.raises(StopIteration):
        request.send(None)
    assert steps.counted == {OK: 3}


@pytest.mark.filterwarnings("ignore:the .type, exc, tb. signature:DeprecationWarning")  # of 3.12
def test_a_throw_with_three_arguments(steps: Steps) -> None:
    """The old signature: a type, a value and a traceback."""
    request = steps.begin()
    request.send(None)
    with pytest.raises(StopIteration):
        request.throw(ValueError, "thrown", None)
    assert [str(error) for error in steps.thrown] == ["thrown"]
    assert steps.counted == {OK: 3}


def test_an_application_that_ignores_its_close(steps: Steps) -> None:
    """It is told so once, as a coroutine is, and the request is no longer in flight."""

    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"], scope["endpoint"] = steps.route, steps.route.endpoint
        try:
            await asyncio.sleep(0)
        except GeneratorExit:
            await asyncio.sleep(0)

    app: Any = SidelightMiddleware(stubborn, phase_sample_interval=0)
    run(app(http_scope("GET", "/"), steps.receive, steps.send))
    request = app(http_scope("GET", "/"), steps.receive, steps.send)
    request.send(None)
    with pytest.raises(RuntimeError, match="coroutine ignored GeneratorExit"):
        request.close()
    assert scrape(app).value("http_server_active_requests") == 0


@pytest.mark.parametrize("where", ["app", "receive"])
def test_a_plain_function_that_raises_stop_iteration(where: str) -> None:
    """It is a RuntimeError, as in a coroutine: the request must not look as if it returned."""

    def stops(*_: Any) -> Any:
        raise StopIteration("early")

    async def receives(scope: Scope, receive: Receive, send: Send) -> None:
        if warm:
            await receive()
        await PlainTextResponse("hello")(scope, receive, send)

    async def turn() -> Message:
        return {"type": "http.request"}

    async def send(_: Message) -> None: ...

    def either(scope: Scope, receive: Receive, send: Send) -> Any:
        return stops() if warm and where == "app" else receives(scope, receive, send)

    warm = False
    app: Any = SidelightMiddleware(either, phase_sample_interval=0)
    run(app(http_scope("GET", "/"), turn, send))
    warm = True
    with pytest.raises(RuntimeError, match="coroutine raised StopIteration") as raised:
        run(app(http_scope("GET", "/"), stops if where == "receive" else turn, send))
    assert isinstance(raised.value.__cause__, StopIteration)
    assert scrape(app).value("fastapi_exceptions_total", error_type="RuntimeError") == 1


@pytest.mark.parametrize("value", [(1, 2), ValueError("returned"), StopIteration(3)])
def test_a_returned_tuple_or_exception_is_returned_whole(value: Any) -> None:
    """The value of a StopIteration would otherwise be taken apart, or raised."""
    warm: list[bool] = []

    async def returns(scope: Scope, receive: Receive, send: Send) -> Any:
        if warm:
            return value
        return await PlainTextResponse("hello")(scope, receive, send)

    async def none(*_: Any) -> Any: ...

    app: Any = SidelightMiddleware(returns, phase_sample_interval=0)
    run(app(http_scope("GET", "/"), none, none))
    warm.append(True)
    with pytest.raises(StopIteration) as stopped:
        app(http_scope("GET", "/"), none, none).send(None)
    assert stopped.value.value is value
    assert run(app(http_scope("GET", "/"), none, none)) is value


# --- the key, while a request is in flight ---


FAR = 1_000_000
"""Words: no slot of a worker's file lies further from its beginning."""


def file_in_the_midst(words: int) -> tuple[memoryview, memoryview]:
    """A file's words, and those around them, which nothing may write."""
    around = memoryview(bytearray(b"\1" * 8 * (words + FAR))).cast("Q")
    return around[1024 : 1024 + words], around


def changing(steps: Steps, change: Callable[[Any], None]) -> Any:
    """A request whose key is changed while it waits, and then ends."""
    request = steps.begin()
    request.send(None)
    key = steps.app.lifecycle.common_keys["GET"]
    change(key)
    with pytest.raises(StopIteration):
        request.send(None)
    return key


@pytest.mark.parametrize("words", [0, 1, 40])
@pytest.mark.parametrize("promoted", [True, False])
def test_a_smaller_file_is_not_written_beyond_its_end(
    monkeypatch: pytest.MonkeyPatch, words: int, *, promoted: bool
) -> None:
    """A request that began in another file writes nothing outside of the present one."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    if not promoted:  # the extension itself frees the slot
        monkeypatch.setattr(native, "promote", fails)
    steps = Steps()
    inside, around = file_in_the_midst(words)

    def change(key: Any) -> None:
        key.words = inside

    key = changing(steps, change)
    assert set(around.tobytes()) == {1}
    assert len(steps.sent) == 2
    key.renew()


@pytest.mark.parametrize("slot", [2**64 - 1, 2**64 - 8, 2**63, 64, 2**70, -1, "slot"])
def test_a_slot_outside_of_the_file_is_not_written(steps: Steps, slot: Any) -> None:
    """Whatever is in the list of free slots, nothing outside of the file is written."""
    inside, around = file_in_the_midst(64)
    key: Any = steps.app.lifecycle.common_keys["GET"]
    key.words, key.slots = inside, [slot]
    with suppress(IndexError, TypeError):  # the Python way looks for it in the file
        run(steps.begin())
    assert set(around.tobytes()) == {1}
    key.renew()


def test_series_are_forgotten_with_their_boundaries(steps: Steps) -> None:
    """More boundaries than a series has words for would write into the next one."""

    def change(key: Any) -> None:
        key.prepare(b"\0" * 80_000, b"\0\0", 0, b"\0" * 80_000, 20)

    before = bytes(changing(steps, change).words)
    assert len(before) > 0
    assert steps.counted[OK] == 3


def test_forgotten_while_it_is_in_flight(steps: Steps) -> None:
    """Series that are forgotten meanwhile are found again in Python."""
    changing(steps, lambda key: key.forget())
    assert steps.counted == {OK: 3}


def test_prepared_only_once(steps: Steps) -> None:
    """What requests in flight call can't be taken from them."""
    with pytest.raises(RuntimeError, match="was called before"):
        extension.Middleware.prepare(steps.app, *[None] * 0, steps, {}, *[None] * 8)


# --- garbage ---

GARBAGE = """
import contextvars, faulthandler, gc
faulthandler.enable()
from tests.asgi.stepped import Steps

def cycle():
    before = []
    steps = Steps()
    request = steps.begin()
    request.send(None)
    receiving = request()
    class Late:  # not known to the collector: it goes after what refers to it was cleared
        __slots__ = ()
        def __del__(self):
            for use in (lambda: request({"type": "x"}), request, lambda: request.send(None),
                        lambda: request.throw(ValueError()), request.close,
                        lambda: receiving.send(None), lambda: steps.begin().send(None)):
                try:
                    use()
                    told.append(None)
                except BaseException as error:
                    told.append(type(error).__name__)
    told = TOLD
    after = []
    for kept in (before, after):  # nothing but the collector clears them
        kept += [steps, request, receiving, Late(), kept]
    steps.me = before, after
TOLD = []
for _ in range(5):
    contextvars.Context().run(cycle)  # the origin of tasks is forgotten with it
    gc.collect()
print(len(TOLD))
"""


def test_garbage_that_is_called_once_more() -> None:
    """Garbage whose finalizers use a request that is garbage too does not crash."""
    done = subprocess.run(
        [sys.executable, "-c", GARBAGE], capture_output=True, text=True, timeout=200, check=False
    )
    # Without a GIL the collector clears the class first, so that no finalizer is found.
    used = "0\n" if FREE_THREADED else "70\n"
    assert (done.returncode, done.stdout) == (0, used), done.stderr


def run_alone(code: str) -> subprocess.CompletedProcess[str]:
    """What a program in a process of its own prints."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


AT_EXIT = """
import asyncio, faulthandler, sys
faulthandler.enable()
from tests.asgi.stepped import Steps
steps = Steps()
flying = [steps.begin() for _ in range(3)]
for request in flying[:2]:
    request.send(None)
sys.modules["kept"] = flying
received = flying[1]()
"""


def test_the_interpreter_ends_with_requests_in_flight() -> None:
    """Requests that were begun, and one that never was, are dropped with the interpreter."""
    done = run_alone(AT_EXIT)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    if not FREE_THREADED:  # there, modules are emptied before the requests that use them go
        assert "Error" not in done.stderr


FORKED = """
import os
from tests.asgi.stepped import Steps

steps = Steps()
flying = steps.begin()
flying.send(None)

def finish():
    try:
        flying.send(None)
    except StopIteration:
        return steps.counted

child = os.fork()
if not child:
    counted = finish()
    os._exit(len(steps.sent))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
print(finish())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_with_a_request_in_flight() -> None:
    """The child answers its copy of the request, and the parent counts its own, once."""
    done = run_alone(FORKED)
    assert (done.returncode, done.stdout) == (0, f"{ {OK: 3.0} }\n"), done.stderr
