"""What a suspended coroutine waits for, link by link, as seen on its event loop's thread.

A chain goes through what each link awaits, and where that is a future, on into the task that sets
its result: a child of ``gather``, of a task group, of ``wait`` or ``wait_for``. Local variables
are found by the garbage collector's references. That runs no code, and, unlike ``f_locals``,
leaves nothing behind in a frame.
"""

import asyncio
import gc
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import AsyncGeneratorType, CellType, CodeType, CoroutineType, GeneratorType
from typing import Any

import anyio

MOST_LINKS = 2000
"""Of one chain; a longer one is cut."""
MOST_TASKS = 64
"""Children of one link that are compared."""
STEPS = frozenset(
    {
        "FutureIter",
        "anext_awaitable",
        "async_generator_asend",
        "async_generator_athrow",
        "coroutine_wrapper",
    }
)
"""Types of the interpreter that only refer to what they await."""
CONCURRENCY = tuple(str(Path(str(module.__file__)).parent) for module in (asyncio, anyio))
WAIT_FOR_TASKS = frozenset({"_wait", "wait_for", "TaskGroup.__aexit__", "TaskGroup._aexit"})
"""Coroutines of asyncio and AnyIO that wait for tasks which they refer to."""


def chain(awaitable: Any) -> list[Any]:
    """An awaitable and what it waits for, the innermost last."""
    links = _awaited(awaitable, MOST_LINKS)
    while len(links) < MOST_LINKS and (task := _awaited_task(links)) is not None:
        links += _awaited(task, MOST_LINKS - len(links))
    return links


def _awaited(awaitable: Any, most: int) -> list[Any]:
    links: list[Any] = []
    while awaitable is not None and len(links) < most:
        links.append(awaitable)
        try:  # nearly all are coroutines, and `hasattr` costs more
            awaitable = awaitable.cr_await
        except AttributeError:
            awaitable = _behind(awaitable)
    return links


def _behind(link: Any) -> Any:
    """What is awaited by a link that is no coroutine; None where the chain ends."""
    kind = type(link)
    if kind is AsyncGeneratorType:
        return link.ag_await
    if kind is GeneratorType:
        return link.gi_yieldfrom or next(filter(is_future, referents(link)), None)
    if is_task(link):
        return link.get_coro()
    if kind.__name__ == "_GatheringFuture":
        return oldest(link._children)  # noqa: SLF001 no other way
    if kind.__name__ in STEPS:
        return next(filter(_is_link, referents(link)), None)
    return None


def _is_link(each: Any) -> bool:
    kind = type(each)
    return (
        kind in {AsyncGeneratorType, CoroutineType, GeneratorType}
        or kind.__name__ in STEPS
        or hasattr(kind, "cr_await")
        or is_future(each)
    )


def _awaited_task(links: list[Any]) -> Any:
    """The task that the innermost link of a chain waits for without awaiting it."""
    for link in reversed(links):
        if (code := code_of(link)) is None:
            continue
        if not code.co_filename.startswith(CONCURRENCY):
            return None
        if code.co_qualname in WAIT_FOR_TASKS:
            found = oldest(_tasks(referents(link)))
            return None if found in links else found
    return None


def _tasks(found: Iterable[Any]) -> Iterator[Any]:
    """The tasks among some objects, in collections of them, and in task groups."""
    for each in found:
        if is_task(each):
            yield each
        elif type(each) in {frozenset, list, set, tuple}:
            yield from filter(is_task, each)
    yield from (task for group in groups(found) for task in group)


def groups(found: Iterable[Any]) -> Iterator[Iterable[Any]]:
    """The tasks of each task group among some objects."""
    for each in found:
        if type(each).__name__ == "TaskGroup":
            yield tuple(getattr(each, "_tasks", ()))


def oldest(tasks: Iterable[Any]) -> Any:
    """The first of some futures that was started and is not done; None without one."""
    return next(iter(by_age(tasks)), None)


def by_age(tasks: Iterable[Any]) -> list[Any]:
    """The futures that are not done, the oldest first, as far as their names tell."""
    return sorted((task for task in islice(tasks, MOST_TASKS) if not task.done()), key=_number)


def _number(task: Any) -> int:
    """The number in a name that asyncio gave, which rises from task to task."""
    name = task.get_name() if is_task(task) else ""
    number = name.removeprefix("Task-")
    return int(number) if number.isdecimal() else 0


def referents(link: Any) -> list[Any]:
    """The local variables of a link, among other objects, without their names."""
    found = []
    for each in gc.get_referents(link):
        if type(each) is CellType:
            try:
                found.append(each.cell_contents)
            except ValueError:  # not set yet
                continue
        else:
            found.append(each)
    return found


def code_of(link: Any) -> CodeType | None:
    """The code of a link; None of a future, and of what is not written in Python."""
    try:
        code = link.cr_code
    except AttributeError:
        code = getattr(link, "ag_code", None) or getattr(link, "gi_code", None)
    return code if type(code) is CodeType else None


def is_future(each: Any) -> bool:
    """Whether it is a future, by its type: an object may answer anything else by its own code."""
    return hasattr(type(each), "_asyncio_future_blocking")


def is_task(each: Any) -> bool:
    """Whether it is a future that runs a coroutine."""
    return is_future(each) and hasattr(type(each), "get_coro")
