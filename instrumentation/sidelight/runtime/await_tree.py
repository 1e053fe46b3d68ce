"""What a coroutine waits for, with the tasks of the groups that it has started."""

from collections.abc import Iterator
from typing import Any

from sidelight.runtime.await_chain import chain
from sidelight.runtime.await_link import referents
from sidelight.runtime.waiting_tasks import MOST_TASKS, by_age, groups, tasks_of_group


class AwaitTree:
    """A chain of awaits, and such trees of the tasks below it, each of which is followed once.

    ``seen`` has the ids of the groups and tasks of the whole tree: a task often refers to its own
    group, or to one around it.
    """

    __slots__ = "_children", "_rest", "links"

    def __init__(self, awaitable: Any, seen: set[int] | None = None) -> None:
        self.links = chain(awaitable)
        """What is awaited, the innermost last."""
        self._children: list[AwaitTree] = []
        self._rest = _below(self.links, set() if seen is None else seen)

    def children(self) -> Iterator["AwaitTree"]:
        """Those of the innermost group first, and of a group the oldest task first."""
        yield from self._children
        for each in self._rest:
            self._children.append(each)
            yield each


def _below(links: list[Any], seen: set[int]) -> Iterator[AwaitTree]:
    """The trees of a chain's tasks. It does not refer to the chain's own, so that this is freed."""
    for link in reversed(links):
        for group in groups(referents(link)):
            tasks = by_age(tasks_of_group(group)) if _is_new(group, seen) else ()
            for task in tasks:
                if _is_new(task, seen):
                    yield AwaitTree(task, seen)


def _is_new(each: Any, seen: set[int]) -> bool:
    """Whether a group or a task is seen for the first time, and there are not too many."""
    if id(each) in seen or len(seen) >= MOST_TASKS:
        return False
    seen.add(id(each))
    return True
