"""A limit on the number of values of a label."""

from sidelight.contract import OTHER


class CardinalityLimiter:
    """Lets a limited number of values through as labels; every further one is ``_OTHER``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value itself, if it is one of the first."""
        if value not in self._seen:
            if len(self._seen) >= self._most:
                return OTHER
            self._seen.add(value)
        return value
