"""Work in steps: generators that yield often, so that an event loop can run other tasks between."""

import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple, Unpack

from anyio import CapacityLimiter, sleep, to_thread
from anyio.lowlevel import checkpoint

T = TypeVar("T")
Args = TypeVarTuple("Args")

SLICE = 0.001
"""Seconds of work between two turns of the event loop."""
TURN = 0.0001
"""Seconds in which an event loop surely gets the GIL from another thread."""
PAUSE = 0.005
"""Seconds between two looks at a lock that another task holds."""


async def in_thread(call: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Call in a thread, which is none of those that the application's endpoints may need."""
    return await to_thread.run_sync(call, *args, limiter=CapacityLimiter(1))


@asynccontextmanager
async def holding(lock: threading.Lock) -> AsyncIterator[None]:
    """Hold a lock that tasks of several event loops wait for, which a lock of AnyIO is not for."""
    while not lock.acquire(blocking=False):  # noqa: ASYNC110 an event is of one loop
        await sleep(PAUSE)
    try:
        yield
    finally:
        lock.release()


def slices(steps: Generator[None, None, T]) -> Generator[None, None, T]:
    """The same work in fewer steps, each of which takes a slice of time."""
    until = time.perf_counter() + SLICE
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            value: T = stop.value
            return value
        if time.perf_counter() >= until:
            yield
            until = time.perf_counter() + SLICE


def run_to_end(steps: Generator[None, None, T], pause: float | None = None) -> T:
    """Run a generator to its end; returns its value. ``pause`` is in seconds, after each step."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            value: T = stop.value
            return value
        if pause is not None:
            time.sleep(pause)


def run_in_turns(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end in a thread beside an event loop's.

    After every slice of time the loop gets the GIL. Without these pauses it would wait for a
    whole switch interval of the interpreter, which is five slices.
    """
    return run_to_end(slices(steps), TURN)


async def run_in_slices(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end, with a turn of the event loop after every slice of time."""
    longer = slices(steps)
    while True:
        try:
            next(longer)
        except StopIteration as stop:
            value: T = stop.value
            return value
        await checkpoint()


async def in_slices(items: Iterator[T]) -> AsyncIterator[T]:
    """The items, with a turn of the event loop after every slice of time."""
    until = time.perf_counter() + SLICE
    for item in items:
        yield item
        if time.perf_counter() >= until:
            await checkpoint()
            until = time.perf_counter() + SLICE
