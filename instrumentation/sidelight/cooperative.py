"""Work in steps: generators that yield often, so that an event loop can run other tasks between."""

import time
from collections.abc import AsyncIterator, Generator, Iterator
from typing import TypeVar

from anyio.lowlevel import checkpoint

T = TypeVar("T")

SLICE = 0.001
"""Seconds of work between two turns of the event loop."""


def run_to_end(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end without a pause; returns its value."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            value: T = stop.value
            return value


async def run_in_slices(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end, with a turn of the event loop after every slice of time."""
    until = time.perf_counter() + SLICE
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            value: T = stop.value
            return value
        if time.perf_counter() >= until:
            await checkpoint()
            until = time.perf_counter() + SLICE


async def in_slices(items: Iterator[T]) -> AsyncIterator[T]:
    """The items, with a turn of the event loop after every slice of time."""
    until = time.perf_counter() + SLICE
    for item in items:
        yield item
        if time.perf_counter() >= until:
            await checkpoint()
            until = time.perf_counter() + SLICE
