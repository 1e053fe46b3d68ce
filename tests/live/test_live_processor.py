"""An event loop on a machine without a free processor: it is late, and no code is the cause."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidelight.runtime.processor_waits import ProcessorWaits
from tests.live.conftest import Serve
from tests.live.servers import Server, eventually
from tests.live.test_live_causes import BLOCKED, NOBODY, ask, by_route, page_of

pytestmark = pytest.mark.live

NICE = 12
"""A process of this niceness has a 15th of the time of another, where both want a processor."""
BUSY = "while True: pass"


@pytest.fixture(autouse=True)
def scheduler() -> None:
    if not Path("/proc/thread-self/schedstat").exists():
        pytest.skip("this kernel does not tell how long a thread waits for a processor")


@contextmanager
def busy(processor: int) -> Iterator[None]:
    """Four processes want this processor, all the time."""
    started = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(4)]
    try:
        for process in started:
            os.sched_setaffinity(process.pid, {processor})
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def confine(server: Server, processor: int) -> None:
    """Give all threads of a server this processor only, and after all others."""
    for task in (int(path.name) for path in Path(f"/proc/{server.pid}/task").iterdir()):
        os.sched_setaffinity(task, {processor})
        os.setpriority(os.PRIO_PROCESS, task, NICE)


@pytest.mark.slow
def test_no_route_is_the_cause_of_a_busy_machine(uvicorn: Serve) -> None:
    """A loop that is late for want of a processor counts without a route, and the log says so."""
    processor = min(os.sched_getaffinity(0))
    server = uvicorn(1, "causes:app").ready()
    ask(server, ["/wait/1/1"])
    confine(server, processor)
    before = by_route(page_of(server), BLOCKED)
    with busy(processor):
        end = time.monotonic() + 5
        while time.monotonic() < end:
            ask(server, [f"/wait/{number}/1" for number in range(4)])
        eventually(lambda: by_route(page_of(server), BLOCKED).get("", 0) > before.get("", 0))
    found = by_route(page_of(server), BLOCKED)
    grown = {route: seconds - before.get(route, 0) for route, seconds in found.items()}
    assert {route for route, seconds in grown.items() if seconds} <= NOBODY
    assert grown[""] >= 0.9 * sum(grown.values()), grown
    assert "by no request: the machine had no processor free for it" in server.log


def test_waits_for_a_processor_are_told_from_work_and_sleep() -> None:
    """A thread that works runs or waits for all of its time, and one that sleeps for none of it."""
    found: list[tuple[int, int, int]] = []

    def measure() -> None:
        """Work for a while, and then sleep, on a processor that others want."""
        os.sched_setaffinity(threading.get_native_id(), {processor})
        waits = ProcessorWaits(threading.get_native_id())
        for work, sleep in ((0.5, 0.0), (0.0, 0.5)):
            began = time.monotonic_ns()
            waits.restart(began)
            ran = time.thread_time_ns()
            while time.monotonic_ns() - began < work * 1e9:
                pass
            time.sleep(sleep)
            waited = waits.waited()
            ran = time.thread_time_ns() - ran
            found.append((time.monotonic_ns() - began, ran, waited))

    processor = min(os.sched_getaffinity(0))
    with busy(processor):
        thread = threading.Thread(target=measure)
        thread.start()
        thread.join()
    (took, ran, waited), (slept, ran_then, waited_then) = found
    assert waited > 0
    assert ran + waited <= took
    assert ran + waited >= 0.8 * took, (took, ran, waited)
    assert waited_then + ran_then <= slept - 0.45e9
