"""Reading is done in steps, so that an event loop can do other work in between."""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def result(steps: Generator[None, None, T]) -> T:
    """What a generator returns, all its steps taken at once."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            value: T = stop.value
            return value
