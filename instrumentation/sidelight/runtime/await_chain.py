"""What a suspended coroutine waits for, link by link, as seen on its event loop's thread.

A chain goes through what each link awaits, and where that is a future, on into the task that sets
its result: a child of ``gather``, of a task group, of ``wait`` or ``wait_for``.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import CoroutineType
from typing import Any

import anyio

from sidelight.runtime.attribute import answer, attribute
from sidelight.runtime.await_link import awaited, code_of, is_task, referents
from sidelight.runtime.waiting_tasks import oldest, tasks_in

MOST_LINKS = 2000
"""Of one chain; a longer one is cut."""
GATHERING = getattr(asyncio.tasks, "_GatheringFuture", None)
CONCURRENCY = tuple(str(Path(str(module.__file__)).parent) for module in (asyncio, anyio))
WAIT_FOR_TASKS = frozenset({"_wait", "wait_for", "TaskGroup.__aexit__", "TaskGroup._aexit"})
"""Coroutines of asyncio and AnyIO that wait for tasks which they refer to."""


def chain(awaitable: Any) -> list[Any]:
    """An awaitable and what it waits for, the innermost last; it ends where it comes round."""
    links: dict[int, Any] = {}  # by id: a link may say that it equals any other
    link = awaitable
    while link is not None and id(link) not in links and len(links) < MOST_LINKS:
        links[id(link)] = link
        link = link.cr_await if type(link) is CoroutineType else _next(link)
        if link is None:
            link = _awaited_task(reversed(links.values()))
    return list(links.values())


def _next(link: Any) -> Any:
    if type(link) is GATHERING:
        return oldest(attribute(link, "_children") or ())
    return answer(link, "get_coro") if is_task(link) else awaited(link)


def _awaited_task(links: Iterator[Any]) -> Any:
    """The task that the first of some links waits for without awaiting it, the innermost first."""
    for link in links:
        if (code := code_of(link)) is None:
            continue
        if not code.co_filename.startswith(CONCURRENCY):
            return None
        if code.co_qualname in WAIT_FOR_TASKS:
            return oldest(tasks_in(referents(link)))
    return None
