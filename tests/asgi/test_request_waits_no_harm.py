"""Looking at where requests wait harms nobody, whatever the application and its libraries are."""

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from weakref import ref

import anyio
import pytest
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from sidelight.asgi import request_tasks
from sidelight.asgi.wait_place import wait_place
from sidelight.runtime import await_tree
from sidelight.runtime.await_chain import chain
from sidelight.runtime.await_tree import AwaitTree
from sidelight.runtime.thread_frame import frame_of
from tests.around import Around, Endless
from tests.asgi.driver import Page, ask
from tests.asgi.looks import SECONDS, Looks
from tests.hostile import SECRET, Hostile, Rude, hostile_class

pytestmark = pytest.mark.newest

WAITS = "fastapi_request_wait_seconds_total"
LIBRARY = str(Path(anyio.__file__).parent.parent / "some_library" / "code.py")
"""A file that is not of the application."""
Wait = Callable[[], Coroutine[Any, Any, object]]
OF_LIBRARY = """
async def run():
    hostile = Hostile()
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(other, hostile, group)
        await asyncio.Event().wait()

async def other(hostile, group):
    await asyncio.Event().wait()
"""


def in_library() -> Any:
    """An endpoint of an installed library, whose tasks refer to their group."""
    found = {"asyncio": asyncio, "anyio": anyio, "Hostile": Hostile, "__name__": "some_library"}
    exec(compile(OF_LIBRARY, LIBRARY, "exec"), found)  # noqa: S102 the code above
    return found["run"]


async def leaf() -> None:
    await asyncio.Event().wait()


async def of_a_leaf() -> None:
    await leaf()


async def seen(looks: Looks, wait: Wait, started: threading.Event | None = None) -> Page:
    """The metrics after one look at a request that waits."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, wait_sample_after=0.05)
    app.get("/")(wait)
    await ask(app, "GET", "/metrics")
    task = asyncio.ensure_future(ask(app, "GET", "/"))
    if started is not None:
        await asyncio.to_thread(started.wait)
    try:
        await looks.take()
        return (await ask(app, "GET", "/metrics")).page
    finally:
        task.cancel()
        await asyncio.wait([task])


def lines(page: Page) -> list[tuple[str, str]]:
    """The functions in which a request was seen to wait, and what it awaited there."""
    assert page.value("sidelight_internal_errors_total") == 0
    found = page.by(WAITS, "code_function_name", "awaited")
    assert sum(found.values()) == pytest.approx(SECONDS)
    return [(function.rpartition(".")[2], awaited) for function, awaited in found]


LEAF = [("leaf", "asyncio.Event.wait")]


def test_what_requests_hold_is_not_asked(looks: Looks, caplog: pytest.LogCaptureFixture) -> None:
    """Objects that raise at any question are in frames of a library, and are not told."""
    page = asyncio.run(seen(looks, in_library()))
    assert lines(page) == [("run", "some_library.run")]
    assert SECRET not in page.text + caplog.text


def test_each_task_of_a_group_is_followed_once(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where each of them refers to the group, as those of streamed responses do."""
    followed = Mock(wraps=chain)
    monkeypatch.setattr(await_tree, "chain", followed)
    asyncio.run(seen(looks, in_library()))
    assert followed.call_count == 1 + 5


@pytest.mark.skipif(
    frame_of(threading.get_ident()) is None,
    reason="the stack of a thread is not read without a GIL",
)
def test_what_threads_run_is_not_asked(looks: Looks) -> None:
    """A request waits for a thread, which runs an object that raises at any other question."""
    started, released = threading.Event(), threading.Event()

    def work(_: object) -> None:
        started.set()
        released.wait()

    async def waits() -> None:
        await anyio.to_thread.run_sync(hostile_class(__call__=work)())

    async def both() -> Page:
        try:
            return await seen(looks, waits, started)
        finally:
            released.set()

    assert lines(asyncio.run(both())) == [("work", "threading.Event.wait")]


def factory(made: Callable[[Any], Any]) -> Callable[..., Any]:
    """A factory of tasks whose coroutines were replaced."""
    return lambda loop, coroutine, **more: asyncio.Task(made(coroutine), loop=loop, **more)


@pytest.mark.parametrize("around", [Around, Endless])
def test_a_task_may_run_an_object_around_a_coroutine(looks: Looks, around: type[Around]) -> None:
    """Its request is seen, also where the object has any attribute that it is asked for."""

    async def inside() -> Page:
        asyncio.get_running_loop().set_task_factory(factory(around))
        return await asyncio.create_task(seen(looks, of_a_leaf))

    assert lines(asyncio.run(inside())) == LEAF


@pytest.mark.skipif(sys.version_info < (3, 12), reason="has no eager tasks")
def test_a_task_may_begin_at_once(looks: Looks) -> None:
    """A request in an eager task is seen once it waits."""

    async def inside() -> Page:
        eager = vars(asyncio)["eager_task_factory"]
        asyncio.get_running_loop().set_task_factory(eager)
        return await asyncio.create_task(seen(looks, of_a_leaf))

    assert lines(asyncio.run(inside())) == LEAF


@pytest.mark.parametrize("listed", [request_tasks._weak_tasks, lambda: None])
def test_tasks_are_found_as_each_python_lists_them(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, listed: Callable[[], list[Any] | None]
) -> None:
    """By references that are at hand, and as from Python 3.14 on, by a list that asyncio makes."""
    monkeypatch.setattr(request_tasks, "_weak_tasks", listed)
    assert lines(asyncio.run(seen(looks, of_a_leaf))) == LEAF


def test_a_library_may_put_tasks_of_python_in_place(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request is seen in a task that is written in Python, as nest_asyncio has them."""
    for module, name in ((asyncio.futures, "Future"), (asyncio.tasks, "Task")):
        found = getattr(module, f"_Py{name}")
        for each in (asyncio, module):
            monkeypatch.setattr(each, name, found)
    assert lines(asyncio.run(seen(looks, of_a_leaf))) == LEAF


def test_a_task_that_refuses_to_answer_is_passed_by(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside it a request is seen."""
    take = looks.take

    async def beside() -> Page:
        rude = Rude(leaf())

        async def take_while_it_refuses() -> None:
            rude.refuses = True
            await take()
            rude.refuses = False

        rude.refuses = False
        monkeypatch.setattr(looks, "take", take_while_it_refuses)
        return await seen(looks, of_a_leaf)

    assert lines(asyncio.run(beside())) == LEAF


class Anything:
    """Has any attribute there is: itself."""

    def __getattr__(self, _: str) -> "Anything":
        return self


ENDPOINTS: dict[str, tuple[Any, str]] = {
    "anything": (Anything(), ""),
    "hostile": (Hostile(), ""),
    "none": (None, ""),
    "function": (leaf, f"{__name__}.leaf"),
    "partial": (partial(partial(leaf)), f"{__name__}.leaf"),
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_may_be_any_object(name: str) -> None:
    """Without a line of the application's own it is named where it is a function."""
    endpoint, function = ENDPOINTS[name]
    assert wait_place(AwaitTree(None), endpoint).code.function == function


def test_nothing_of_a_request_is_kept(looks: Looks) -> None:
    """What a request held is freed when it ends, by its references alone."""

    class Kept: ...

    kept: list[Any] = []
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, wait_sample_after=0.05)
    released = asyncio.Event()

    @app.get("/")
    async def holds() -> None:
        mine = Kept()
        kept.append(ref(mine))
        await released.wait()
        del mine

    async def answered() -> Page:
        await ask(app, "GET", "/metrics")
        task = asyncio.ensure_future(ask(app, "GET", "/"))
        await looks.take()
        released.set()
        await task
        return (await ask(app, "GET", "/metrics")).page

    gc.disable()
    try:
        page = asyncio.run(answered())
        assert kept[0]() is None
    finally:
        gc.enable()
    assert lines(page) == [("holds", "asyncio.Event.wait")]
