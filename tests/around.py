"""Objects around a coroutine, as libraries make them to see what it does."""

from collections.abc import Coroutine, Generator
from typing import Any


class Around(Coroutine[Any, Any, Any]):
    """Does what a coroutine does, and tells nothing of it."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._coroutine.__await__()


class Endless(Around):
    """Has any attribute there is: itself."""

    __slots__ = ()

    def __getattr__(self, _: str) -> "Endless":
        return self
