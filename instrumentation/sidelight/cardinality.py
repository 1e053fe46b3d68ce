"""Limits on the number of values of labels."""

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from sidelight.contract import OTHER

MOST_LINES_OF_ROUTE = 10
MOST_LINES = 50 * MOST_LINES_OF_ROUTE
Line = TypeVar("Line", bound=Hashable)


class CardinalityLimiter:
    """Lets a limited number of values through as labels; every further one is ``_OTHER``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()
        self._lock = threading.RLock()  # a finalizer may end a request while this thread holds it

    def __call__(self, value: str) -> str:
        """The value itself, if it is one of the first."""
        if value not in self._seen:
            with self._lock:
                if len(self._seen) >= self._most and value not in self._seen:
                    return OTHER
                self._seen.add(value)
        return value


class LineLimiter(Generic[Line]):
    """Lets the first ten lines of code of a route through; every further one is ``other``."""

    def __init__(self, other: Line) -> None:
        self._other = other
        self._lines: dict[str, set[Line]] = {}
        self._left = MOST_LINES

    def __call__(self, route: str, line: Line) -> Line:
        """The line itself, if it is one of the first of its route, and of all routes."""
        lines = self._lines.setdefault(route, set())
        if line not in lines:
            if len(lines) >= MOST_LINES_OF_ROUTE or not self._left:
                return self._other
            self._left -= 1
            lines.add(line)
        return line
