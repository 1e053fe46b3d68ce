"""A limit on the number of values of a label."""

import threading

from sidelight.contract import OTHER


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
