"""How long the background tasks of a request ran, whatever else delayed its application's return.

A response returns late for many reasons: a busy event loop, a machine without a free processor, a
client that reads slowly. So the tasks themselves are timed, where Starlette runs each of them.
"""

import os
import threading
from collections import OrderedDict
from functools import wraps
from time import monotonic_ns
from typing import Any

from starlette.background import BackgroundTask

from sidelight.runtime.origin import ORIGIN

MOST_REQUESTS = 1024
"""Requests whose tasks may run or have just ended; those of the oldest are forgotten first."""

_spent: OrderedDict[int, tuple[object, int]] = OrderedDict()
"""The origin of a request by its id, which is in the context of its tasks too, and the time."""
_lock = threading.RLock()  # a finalizer may end a request while this thread holds it


def watch() -> None:
    """Time the background tasks of this process from now on."""
    if not hasattr(BackgroundTask.__call__, "sidelight"):
        run = _timed(BackgroundTask.__call__)
        run.sidelight = True
        BackgroundTask.__call__ = run  # type: ignore[method-assign] # it is replaced on purpose


def spent() -> int:
    """Nanoseconds that the tasks of the present request ran; they are forgotten then."""
    with _lock:
        _, ns = _spent.pop(id(ORIGIN.get()), (None, 0))
    return ns


def _timed(call: Any) -> Any:
    """A task's own way to run, timed. A list of tasks runs each of them in this way."""

    @wraps(call)
    async def run(task: BackgroundTask) -> None:
        began = monotonic_ns()
        try:
            await call(task)
        finally:
            _add(ORIGIN.get(), monotonic_ns() - began)

    return run


def _add(origin: object, ns: int) -> None:
    if origin is None:
        return
    with _lock:
        _, before = _spent.pop(id(origin), (None, 0))
        _spent[id(origin)] = origin, before + ns
        if len(_spent) > MOST_REQUESTS:
            _spent.popitem(last=False)


def _after_fork() -> None:
    """In a forked child: a thread of the parent may have held the lock."""
    global _lock  # noqa: PLW0603 one a process
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
