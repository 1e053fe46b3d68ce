"""Which task of an event loop runs which measured request, found without a note of any request."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from types import CoroutineType
from typing import Any, NamedTuple

from starlette.types import Scope

from sidelight.asgi.fast_path import PythonCalls
from sidelight.asgi.mark import MARK, mark_of
from sidelight.asgi.request_keys import RequestKey
from sidelight.extension import extension
from sidelight.runtime.attribute import answer
from sidelight.runtime.await_link import awaited, is_coroutine, referents
from sidelight.store.inflight import RequestId

MEASURED = PythonCalls.__call__.__code__
NATIVE = None if extension is None else extension.Request
MOST_OUTER = 100
"""Coroutines around the middleware that are looked through."""


class RequestTask(NamedTuple):
    """A request in flight: its key, its scope, which one it is, and what awaits its response."""

    key: RequestKey
    scope: Scope
    id: RequestId
    awaitable: Any

    @property
    def start(self) -> int:
        """When it began (CLOCK_MONOTONIC, ns)."""
        return self.id[0]


def tasks_of(loop: asyncio.AbstractEventLoop, random: Callable[[], float]) -> Iterator[Any]:
    """The tasks of a loop in random order, so that the first of them are a fair sample of all."""
    weak = _weak_tasks()
    found = [lambda task=task: task for task in asyncio.all_tasks(loop)] if weak is None else weak
    for left in range(len(found), 0, -1):
        at = int(random() * left)
        found[at], found[left - 1] = found[left - 1], found[at]
        task = found[left - 1]()
        try:
            is_here = task is not None and not task.done() and task.get_loop() is loop
        except Exception:  # noqa: BLE001, S112 a task of another library
            continue
        if is_here:
            yield task


def _weak_tasks() -> list[Any] | None:
    """References to the tasks of all loops; None from Python 3.14 on, which lists tasks quickly.

    Before, `asyncio.all_tasks` takes longer than to look at many of them.
    """
    if sys.version_info >= (3, 14):
        return None
    name = "_scheduled_tasks" if sys.version_info >= (3, 12) else "_all_tasks"
    data = getattr(getattr(asyncio.tasks, name, None), "data", None)
    return list(data) if isinstance(data, set) else None


def request_of(task: Any) -> RequestTask | None:
    """The request that a task runs from its beginning; None of another task."""
    link, inside = answer(task, "get_coro"), False
    for _ in range(MOST_OUTER):
        kind = type(link)
        if kind is NATIVE or (kind is CoroutineType and link.cr_code is MEASURED):
            return _measured(link)
        inside = inside or is_coroutine(link)
        if kind is CoroutineType:
            link = link.cr_await
        elif link is None or (inside and not is_coroutine(link)):
            break
        else:  # an object that a library has put around the coroutine
            link = awaited(link)
    return None


def _measured(link: Any) -> RequestTask | None:
    """The request of a call of the middleware, if it is one that has not ended."""
    for each in referents(link):
        if type(each) is dict and MARK in each:
            mark = mark_of(each)
            if mark is not None and type(mark[0]) is RequestKey and mark[1]:
                return RequestTask(mark[0], each, (mark[2], mark[1]), link)
    return None
