"""Work in steps: generators that yield often, so that an event loop can run other tasks between."""

import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import TypeVar, TypeVarTuple, Unpack

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import checkpoint

T = TypeVar("T")
Args = TypeVarTuple("Args")

SLICE = 0.001
"""Seconds of work between two turns of the event loop."""
TURN = 0.0001
"""Seconds in which an event loop surely gets the GIL from another thread."""


async def in_thread(call: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Call in a thread, which is none of those that the application's endpoints may need."""
    return await to_thread.run_sync(call, *args, limiter=CapacityLimiter(1))


def run_in_turns(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end in a thread beside an event loop's.

    After every slice of time the loop gets the GIL. Without these pauses it would wait for a
    whole switch interval of the interpreter, which is five slices.
    """
    until = time.perf_counter() + SLICE
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            value: T = stop.value
            return value
        if time.perf_counter() >= until:
            time.sleep(TURN)
            until = time.perf_counter() + SLICE


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
