"""What a coroutine waits for, with the tasks of the groups that it has started."""

from collections.abc import Iterator
from typing import Any

from sidelight.runtime.await_chain import by_age, chain, groups, referents

MOST_DEPTH = 8
"""Task groups inside of each other that are looked into."""


class AwaitTree:
    """A chain of awaits, and such trees of the tasks below it, each of which is followed once."""

    __slots__ = "_children", "_rest", "links"

    def __init__(self, awaitable: Any, depth: int = MOST_DEPTH) -> None:
        self.links = chain(awaitable)
        """What is awaited, the innermost last."""
        self._children: list[AwaitTree] = []
        self._rest = _below(self.links, depth)

    def children(self) -> Iterator["AwaitTree"]:
        """Those of the innermost group first, and of a group the oldest task first."""
        yield from self._children
        for each in self._rest:
            self._children.append(each)
            yield each


def _below(links: list[Any], depth: int) -> Iterator[AwaitTree]:
    """The trees of a chain's tasks. It does not refer to the chain's own, so that this is freed."""
    for link in reversed(links) if depth else ():
        for group in groups(referents(link)):
            for task in by_age(group):
                yield AwaitTree(task, depth - 1)
