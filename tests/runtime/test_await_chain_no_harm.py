"""Following what coroutines await harms nobody, whatever they await and whatever they hold."""

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator, Generator
from functools import partial
from types import coroutine
from typing import Any
from weakref import ref

import pytest

from sidelight.runtime.await_chain import chain
from sidelight.runtime.await_link import NAME_OF, code_of
from sidelight.runtime.waiting_tasks import by_age, groups, tasks_in
from tests.around import Around, Endless
from tests.hostile import Hostile, Rude, hostile_class
from tests.runtime.test_await_chain import Wait, leaf, recursive, seen

pytestmark = pytest.mark.newest


def names(awaitable: Any) -> list[str]:
    """The names of the functions in a chain, and of the types of its other links."""
    found = [(link, code_of(link)) for link in chain(awaitable)]
    return [NAME_OF(type(link)) if code is None else code.co_name for link, code in found]


def blocking() -> Any:
    """A future as one yields it that waits for it."""
    future = asyncio.get_running_loop().create_future()
    future._asyncio_future_blocking = True
    return future


def rethrow(_: object, error: BaseException, *__: object) -> None:
    raise error


HostileIterator: Any = hostile_class(
    __iter__=lambda self: self, __next__=lambda _: blocking(), throw=rethrow
)


class ByIterator:
    """Is awaited by an iterator that raises at any question."""

    def __await__(self) -> Any:
        return HostileIterator()


class ByGenerator:
    """Is awaited by a generator that holds what raises at any question."""

    def __await__(self) -> Generator[Any, None, None]:
        hostile, future = Hostile(), blocking()
        yield future
        del hostile


@coroutine
def from_iterator() -> Generator[Any, None, None]:
    yield from HostileIterator()


async def of_an_iterator() -> None:
    await ByIterator()


async def of_a_generator() -> None:
    await ByGenerator()


async def of_a_generator_of_an_iterator() -> None:
    await from_iterator()


async def echo() -> AsyncIterator[Any]:
    """Waits with what it was sent, or after what was thrown."""
    try:
        kept = yield
    except (GeneratorExit, ValueError):
        await leaf()
        return
    await leaf()
    del kept


async def of_a_value_that_was_sent() -> None:
    steps: Any = echo()
    await anext(steps)
    await steps.asend(Hostile())


async def of_an_error_that_was_thrown() -> None:
    steps: Any = echo()
    await anext(steps)
    await steps.athrow(ValueError(Hostile()))


async def of_a_generator_that_is_closed() -> None:
    steps: Any = echo()
    await anext(steps)
    await steps.aclose()


async def of_an_object_around_a_coroutine() -> None:
    await asyncio.create_task(Around(leaf()))


async def of_an_object_without_an_end() -> None:
    await asyncio.create_task(Endless(leaf()))


FUTURE = ["FutureIter", "Future"]
TASK = ["FutureIter", "Task"]
CHAINS: dict[Wait, list[str]] = {
    of_an_iterator: ["of_an_iterator", "Hostile"],
    of_a_generator: ["of_a_generator", "__await__", "Future"],
    of_a_generator_of_an_iterator: [
        "of_a_generator_of_an_iterator",
        "from_iterator",
        "Hostile",
    ],
    of_a_value_that_was_sent: [
        "of_a_value_that_was_sent",
        "async_generator_asend",
        "echo",
        "leaf",
        *FUTURE,
    ],
    of_an_error_that_was_thrown: [
        "of_an_error_that_was_thrown",
        "async_generator_athrow",
        "echo",
        "leaf",
        *FUTURE,
    ],
    of_a_generator_that_is_closed: [
        "of_a_generator_that_is_closed",
        "async_generator_athrow",
        "echo",
        "leaf",
        *FUTURE,
    ],
    of_an_object_around_a_coroutine: [
        "of_an_object_around_a_coroutine",
        *TASK,
        "Around",
        "leaf",
        *FUTURE,
    ],
    of_an_object_without_an_end: [
        "of_an_object_without_an_end",
        *TASK,
        "Endless",
        "leaf",
        *FUTURE,
    ],
}


@pytest.mark.parametrize(
    ("wait", "found"), CHAINS.items(), ids=lambda each: getattr(each, "__name__", "")
)
def test_what_raises_at_any_question_is_not_asked(wait: Wait, found: list[str]) -> None:
    """A chain goes past hostile objects and through objects around coroutines, as far as it can."""
    assert asyncio.run(seen(wait, names)) == found


def test_a_chain_that_comes_round_ends() -> None:
    """Of two tasks that await each other, each link is seen once."""
    tasks: list[Any] = []

    async def one(other: int) -> None:
        await tasks[other]

    async def both() -> list[str]:
        tasks.extend(asyncio.ensure_future(one(other)) for other in (1, 0))
        await asyncio.sleep(0)
        return names(tasks[0])

    loop = asyncio.new_event_loop()
    try:
        found = loop.run_until_complete(both())
    finally:
        loop.close()
    assert found == ["Task", "one", *TASK, "one", "FutureIter"]
    for task in tasks:  # each would cancel the other without an end
        task._log_destroy_pending = False


def test_a_chain_of_a_thousand_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coroutine may await a thousand others, one through the other."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        found = asyncio.run(seen(partial(recursive, 1000), chain))
    finally:
        sys.setrecursionlimit(limit)
    assert len(found) == 1000 + 4


def test_coroutines_of_cython_are_followed() -> None:
    """One of uvloop has its name, and what it waits for."""
    uvloop = pytest.importorskip("uvloop")
    ours, other = socket.socketpair()
    ours.setblocking(False)

    async def receives() -> None:
        await asyncio.get_running_loop().sock_recv(ours, 1)

    with ours, other, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(seen(receives, names))
    assert found == [
        "receives",
        "coroutine_wrapper",
        "sock_recv",
        "FutureIter",
        "_SyncSocketReaderFuture",
    ]


@pytest.mark.parametrize("language", ["C", "Py"])
def test_tasks_of_c_and_of_python_are_followed(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    """Also where a library has put one in the place of the other, as nest_asyncio does."""
    for module, name in ((asyncio.futures, "Future"), (asyncio.tasks, "Task")):
        found = getattr(module, f"_{language}{name}")
        monkeypatch.setattr(module, name, found)
        monkeypatch.setattr(asyncio, name, found)

    async def waits() -> None:
        await asyncio.create_task(leaf())

    step = {"C": "FutureIter", "Py": "__await__"}[language]
    expected = ["waits", step, "Task", "leaf", step, "Future"]
    assert asyncio.run(seen(waits, names)) == expected


class TaskGroup:
    """Has a name of asyncio's and AnyIO's, and tasks which it does not tell."""

    @property
    def _tasks(self) -> set[Any]:
        raise RuntimeError


def test_a_class_may_have_the_name_of_another() -> None:
    """An object of the application that is called as a task group is not asked for tasks."""
    task_groups = [TaskGroup(), Hostile(), asyncio.TaskGroup()]
    assert groups(task_groups) == task_groups[2:]
    assert list(tasks_in(task_groups)) == []


def test_a_task_may_refuse_to_answer() -> None:
    """It ends a chain, and does not count among tasks that wait."""

    async def waits() -> list[str]:
        rude, other = Rude(leaf()), asyncio.create_task(leaf())
        found = [*names(rude), *map(NAME_OF, map(type, by_age([rude, other])))]
        rude.refuses = False
        return found

    assert asyncio.run(waits()) == ["Rude", "Task"]


def test_nothing_is_kept() -> None:
    """What a coroutine holds is freed when it ends, by its references alone."""

    class Kept: ...

    kept: list[Any] = []

    async def holds() -> None:
        mine = Kept()
        kept.append(ref(mine))
        await leaf()
        del mine

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(seen(holds, names)) == ["holds", "leaf", *FUTURE]
        assert kept[0]() is None
    finally:
        gc.enable()
