"""The routes that a path may match, by what it begins with: few of a thousand."""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class RouteIndex(Generic[T]):
    """Routes in the order in which they were added, by the part in front of their first parameter.

    That of a route without parameters is its whole path, and that of another ends with a slash.
    """

    def __init__(self) -> None:
        self._routes: list[T] = []
        self._by_start: dict[str, list[int]] = {}
        self._longest = 0

    def add(self, path: str, route: T) -> None:
        """Add a route; its path may name convertors."""
        start, parameter, _ = path.partition("{")
        if parameter:
            start = start[: start.rfind("/") + 1]
        self._by_start.setdefault(start, []).append(len(self._routes))
        self._longest = max(self._longest, len(start))
        self._routes.append(route)

    def may_match(self, path: str) -> list[T]:
        """Routes that may match a path, in their order: all that do, and some that don't."""
        starts = {"", path, *self._folders(path)}
        found = [at for start in starts for at in self._by_start.get(start, ())]
        return [self._routes[at] for at in sorted(found)]

    def _folders(self, path: str) -> Iterator[str]:
        """What a path begins with up to each slash, as far as any route goes."""
        at = path.find("/")
        while 0 <= at < self._longest:
            yield path[: at + 1]
            at = path.find("/", at + 1)
