"""A loop beside threads that keep the GIL: its estimated wait, and that of a native stopwatch.

A program: ``python -m tests.runtime.gil_truth HOG THREADS LOOP TURN SECONDS`` with the stopwatch
preloaded. It prints both in seconds, and the wall time.
"""

import asyncio
import ctypes
import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable

from sidelight.runtime.gil_waits import LoopWaits
from sidelight.runtime.idle_time import idle_time
from sidelight.runtime.processor_waits import task_times
from tests.runtime.reading import Worker

DATA = b"x" * 10_000_000


def spin() -> None:
    """Bytecode, which lets others have the GIL after each switch interval."""
    for _ in range(100_000):
        pass


def add_up() -> None:
    """Some 50 ms of C that keeps the GIL."""
    sum(range(3_000_000))


def sleep_with_gil() -> None:
    """C that keeps the GIL and uses no processor, half of the time."""
    ctypes.PyDLL(None).usleep(50_000)
    time.sleep(0.05)


def digest() -> None:
    """C that releases the GIL."""
    hashlib.sha256(DATA)


HOGS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (spin, add_up, sleep_with_gil, digest)
}


def work() -> None:
    """A millisecond of bytecode."""
    end = time.thread_time() + 0.001
    while time.thread_time() < end:
        pass


def block() -> None:
    """A call that blocks, and needs no GIL."""
    time.sleep(0.02)


TURNS = {each.__name__: each for each in (work, block)}


async def program(turn: Callable[[], None], seconds: float) -> tuple[float, float, float]:
    """The estimate, the truth, and the time that it took."""
    stopwatch = ctypes.PyDLL(None).gil_waited
    stopwatch.restype = ctypes.c_longlong
    idle, waits, worker = idle_time(asyncio.get_running_loop()), LoopWaits(), Worker()
    assert idle is not None
    began, beat, readings = time.monotonic(), 0.0, list[int]()
    while (now := time.monotonic()) < began + seconds:
        if now - beat >= 0.1:
            times = task_times(threading.get_native_id())
            waits.beat(worker.file, time.monotonic_ns(), idle.read(), times)
            readings.append(stopwatch())
            beat = now
        turn()
        await asyncio.sleep(0.01)
    estimate = worker.counter("sidelight_gil_wait_seconds_total", "0")
    return estimate / 1e9, (readings[-1] - readings[0]) / 1e9, time.monotonic() - began


def main(hog: str, threads: str, loop: str, turn: str, seconds: str) -> None:
    """Run it beside so many threads, on asyncio or uvloop."""
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            HOGS[hog]()

    started = [threading.Thread(target=run) for _ in range(int(threads))]
    for thread in started:
        thread.start()
    with asyncio.Runner(loop_factory=__import__(loop).new_event_loop) as runner:
        found = runner.run(program(TURNS[turn], float(seconds)))
    sys.stdout.write(json.dumps(found))
    stop.set()


if __name__ == "__main__":
    main(*sys.argv[1:])
