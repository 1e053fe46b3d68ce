"""The tasks that a coroutine waits for without awaiting them, by the objects it refers to."""

import asyncio
from abc import ABCMeta
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sidelight.runtime.attribute import answer, attribute
from sidelight.runtime.await_link import NAME_OF, is_task

MOST_TASKS = 64
"""Children of one link that are compared."""
MOST_CHILDREN = 1000
"""Children of one link that are asked whether they are done."""


def tasks_in(found: Iterable[Any]) -> Iterator[Any]:
    """The tasks among some objects, in collections of them, and in task groups."""
    for each in found:
        kind = type(each)
        if is_task(each):
            yield each
        elif kind is list or kind is set or kind is tuple or kind is frozenset:
            yield from filter(is_task, islice(each, MOST_CHILDREN))
    for group in groups(found):
        yield from tasks_of_group(group)


def groups(found: Iterable[Any]) -> list[Any]:
    """The task groups of asyncio and AnyIO among some objects."""
    return [each for each in found if NAME_OF(type(each)) == "TaskGroup" and _is_group(each)]


def _is_group(each: Any) -> bool:
    kind = type(each)
    of_anyio = type(kind) is ABCMeta and kind.__module__ == "anyio._backends._asyncio"
    return of_anyio or kind is asyncio.TaskGroup


def tasks_of_group(group: Any) -> tuple[Any, ...]:
    """The tasks of a group that are not done."""
    found = attribute(group, "_tasks")
    return tuple(found) if type(found) is set else ()


def oldest(tasks: Iterable[Any]) -> Any:
    """The first of some futures that was started and is not done; None without one."""
    return next(iter(by_age(tasks)), None)


def by_age(tasks: Iterable[Any]) -> list[Any]:
    """The futures that are not done, the oldest first, as far as their names tell."""
    waiting = (task for task in islice(tasks, MOST_CHILDREN) if answer(task, "done") is False)
    return sorted(islice(waiting, MOST_TASKS), key=_number)


def _number(task: Any) -> int:
    """The number in a name that asyncio gave, which rises from task to task."""
    name = answer(task, "get_name") if is_task(task) else ""
    number = name.removeprefix("Task-") if type(name) is str else ""
    return int(number) if number.isdecimal() else 0
