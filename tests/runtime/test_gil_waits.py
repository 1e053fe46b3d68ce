"""How long a loop's thread waits for the GIL, beside a stopwatch; and which thread keeps it."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidelight.runtime.gil_holders import GilHolders, ran_so_far
from sidelight.runtime.gil_waits import LoopTimes, has_gil
from sidelight.runtime.processor_waits import task_times
from tests.runtime.reading import eventually

pytestmark = pytest.mark.newest

MS = 1_000_000
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def gil() -> None:
    if not has_gil() or task_times(threading.get_native_id()) is None:
        pytest.skip("no GIL, or a system that does not tell what the estimate needs")


@pytest.mark.parametrize(
    ("times", "wait"),
    [
        (LoopTimes(100 * MS, 20 * MS, 0, 80 * MS, 16), 80 * MS),
        (LoopTimes(100 * MS, 20 * MS, 30 * MS, 200 * MS, 16), 50 * MS),
        (LoopTimes(100 * MS, 20 * MS, 0, 0, 16), 0),  # it sleeps, in a process without others
        (LoopTimes(100 * MS, 20 * MS, 0, 30 * MS, 16), 30 * MS),
        (LoopTimes(200 * MS, 20 * MS, 40 * MS, 21 * MS, 30), 61 * MS),  # others wait as well
        (LoopTimes(100 * MS, 0, 0, 100 * MS, 1), 5 * MS),  # one call that blocks
        (LoopTimes(10 * MS, 20 * MS, 0, 100 * MS, 9), 0),  # clocks that differ
    ],
)
def test_the_estimate_is_the_least_of_three_times(times: LoopTimes, wait: int) -> None:
    """What is neither work nor queue, what others may have held, what was asked for."""
    assert sys.getswitchinterval() == pytest.approx(0.005)
    assert times.gil_wait() == wait


def spin(stop: threading.Event) -> None:
    """Keep the GIL for as long as the interpreter allows."""
    while not stop.is_set():
        for _ in range(1000):
            pass


def rest(stop: threading.Event) -> None:
    """Do nothing."""
    stop.wait()


@contextmanager
def running(work: Callable[[threading.Event], None], number: int = 1) -> Iterator[list[int]]:
    """Threads that work, by their numbers in the system."""
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield [thread.native_id or 0 for thread in threads]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def nap() -> None:
    """Let others have the GIL 30 times."""
    for _ in range(30):
        time.sleep(0.001)


@pytest.fixture(scope="session")
def stopwatch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The native stopwatch, to be preloaded."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no compiler for the native stopwatch")
    made = tmp_path_factory.mktemp("stopwatch") / "gil.so"
    source = HERE / "gil_stopwatch.c"
    subprocess.run([compiler, "-shared", "-fPIC", source, "-o", made, "-ldl"], check=True)
    return made


def measured(stopwatch: Path, *arguments: str) -> tuple[float, float, float]:
    """The estimate, the truth and the wall time, in seconds, of `tests.runtime.gil_truth`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.gil_truth", *arguments],
        cwd=HERE.parent.parent, env={**os.environ, "LD_PRELOAD": str(stopwatch)},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    estimate, truth, took = json.loads(done.stdout)
    return estimate, truth, took


@pytest.mark.slow
@pytest.mark.parametrize(("hog", "threads"), [("spin", "1"), ("spin", "4"), ("add_up", "1")])
def test_the_estimate_is_near_what_a_native_stopwatch_says(
    stopwatch: Path, hog: str, threads: str
) -> None:
    """On asyncio, beside threads that compute in bytecode, or in C that keeps the GIL."""
    estimate, truth, _ = measured(stopwatch, hog, threads, "asyncio", "work", "2.5")
    assert truth > 0.1
    assert 0.6 * truth <= estimate <= 1.4 * truth


def test_threads_that_need_no_gil_are_not_waited_for(stopwatch: Path) -> None:
    """C code that releases the GIL costs the short steps of a loop next to nothing."""
    estimate, truth, took = measured(stopwatch, "digest", "1", "asyncio", "work", "1.5")
    assert truth < 0.05 * took
    assert estimate < 0.05 * took


def number(thread: int) -> int | None:
    """The number that Python gives a thread, by that of the system."""
    return next(each.ident for each in threading.enumerate() if each.native_id == thread)


def waited(work: Callable[[], object]) -> tuple[GilHolders, list[int]]:
    """What is seen of this thread, from another one, while it works."""
    holders, done = GilHolders(threading.get_native_id()), threading.Event()
    found: list[list[int]] = []
    holders.note(time.monotonic_ns())
    holders.restart(task_times(threading.get_native_id()))
    began = time.monotonic_ns()

    def look() -> None:
        done.wait()
        found.append(holders.holders(time.monotonic_ns() - began))

    watcher = threading.Thread(target=look)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return holders, found[0]


def test_the_thread_that_keeps_the_gil_is_found() -> None:
    """Of several threads it is the one that spins, by the number that Python gives it."""
    with running(rest, 3), running(spin) as (hog,):
        holders, found = waited(nap)
        assert found == [number(hog)]
    assert not holders.is_alone
    eventually(lambda: ran_so_far(hog) == 0)


@pytest.mark.parametrize(
    "work",
    [
        lambda: time.sleep(0.3),
        lambda: ctypes.PyDLL(None).usleep(300_000),
        lambda: sum(range(10_000_000)),
    ],
)
def test_what_the_loop_does_by_itself_is_no_other_threads_fault(
    work: Callable[[], object],
) -> None:
    """A call that blocks, and C code that keeps the GIL, asleep or at work, have no holder."""
    holders, found = waited(work)
    assert found == []
    assert holders.is_alone


def test_after_an_advance_only_what_follows_counts() -> None:
    """A block that began with a spinning thread goes on while that rests."""
    enough = threading.Event()

    def spin_and_rest(stop: threading.Event) -> None:
        spin(enough)
        stop.wait()

    holders = GilHolders(threading.get_native_id())
    holders.restart(task_times(threading.get_native_id()))
    began = time.monotonic_ns()
    with running(spin_and_rest) as (hog,):
        nap()
        found = holders.holders(time.monotonic_ns() - began, on_loop=True)
        enough.set()  # first, or a thread that never ends would be waited for
        assert found == [number(hog)]
        time.sleep(0.01)
        holders.holders(time.monotonic_ns() - began, on_loop=True)
        holders.advance()
        began = time.monotonic_ns()
        time.sleep(0.1)
        assert holders.holders(time.monotonic_ns() - began, on_loop=True) == []
