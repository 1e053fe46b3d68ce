"""Watched executors: what runs, what waits, and for how long."""

import asyncio
import functools
import os
import threading
import time
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from concurrent.futures.thread import BrokenThreadPool
from multiprocessing import get_context
from typing import Any

import pytest

from sidelight import watch
from tests.runtime.reading import Worker, eventually

NAMES = ("capacity", "in_use", "queued")


def gauges(worker: Worker, name: str) -> tuple[int | None, ...]:
    return tuple(worker.gauge(f"python_executor_{what}", name) for what in NAMES)


def calls(worker: Worker, name: str) -> tuple[int, int]:
    """The number of calls that have waited, and that have run."""
    wait = worker.histogram("python_executor_wait_seconds", name)
    return wait[0], worker.histogram("python_executor_run_seconds", name)[0]


def test_calls_by_state(worker: Worker, name: str) -> None:
    """Capacity, running and waiting calls are those of this moment, and none is left over."""
    with watch(ThreadPoolExecutor(2), name=name) as found:
        free = threading.Event()
        futures = [found.submit(free.wait) for _ in range(5)]
        eventually(lambda: gauges(worker, name) == (2, 2, 3))
        assert futures[4].cancel()
        assert gauges(worker, name) == (2, 2, 2)
        free.set()
        assert [future.result() for future in futures[:4]] == [True] * 4
        eventually(lambda: gauges(worker, name) == (2, 0, 0))
    assert gauges(worker, name) == (None, None, None)
    assert calls(worker, name) == (4, 4)


def test_waits_and_runs_match_what_callers_saw(worker: Worker, name: str) -> None:
    """The recorded waits and runs match those that twenty calls measured within 5 %."""
    waits, runs = [], []

    def work(submitted: float) -> None:
        began = time.perf_counter()
        waits.append(began - submitted)
        time.sleep(0.05)
        runs.append(time.perf_counter() - began)

    with watch(ThreadPoolExecutor(2), name=name) as found:
        for _ in range(20):
            found.submit(work, time.perf_counter())
    count, waited = worker.histogram("python_executor_wait_seconds", name)
    assert count == 20
    assert waited == pytest.approx(sum(waits), rel=0.05)
    count, ran = worker.histogram("python_executor_run_seconds", name)
    assert count == 20
    assert ran == pytest.approx(sum(runs), rel=0.05)


def test_results_exceptions_and_arguments_are_unchanged(worker: Worker, name: str) -> None:
    """Arguments of any name arrive, and results and exceptions come back as they are."""
    result, error = object(), KeyError("no")

    def give(*args: Any, **kwargs: Any) -> Any:
        return result, args, kwargs

    def fail() -> None:
        raise error

    with watch(ThreadPoolExecutor(2), name=name) as found:
        given = found.submit(give, 1, self=2, fn=3, executor=4).result()
        assert given == (result, (1,), {"self": 2, "fn": 3, "executor": 4})
        failed: Future[None] = found.submit(fail)
        assert failed.exception() is error
        with pytest.raises(TypeError):
            found.submit()  # type: ignore[call-arg] # wrong on purpose
        assert list(found.map(str, range(4))) == ["0", "1", "2", "3"]
    with pytest.raises(RuntimeError, match="after shutdown"):
        found.submit(int)
    assert calls(worker, name) == (6, 6)


def test_an_event_loop_may_use_it(worker: Worker, name: str) -> None:
    """`run_in_executor` counts, also as the default executor of several loops."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(found, int, "3") + await asyncio.to_thread(int, "4")

    async def default() -> int:
        asyncio.get_running_loop().set_default_executor(found)
        return await main()

    found = watch(ThreadPoolExecutor(2), name=name)
    assert asyncio.run(main()) == 7
    assert asyncio.run(default()) == 7
    assert calls(worker, name) == (3, 3)


def test_a_shutdown_that_cancels_leaves_nothing_queued(worker: Worker, name: str) -> None:
    """Calls cancelled by a shutdown neither wait nor run any more."""
    found = watch(ThreadPoolExecutor(1), name=name)
    free = threading.Event()
    first, second = found.submit(free.wait), found.submit(int)
    found.shutdown(wait=False, cancel_futures=True)
    eventually(lambda: gauges(worker, name)[2] == 0)
    free.set()
    assert first.result() is True
    with pytest.raises(CancelledError):
        second.result()
    eventually(lambda: calls(worker, name) == (1, 1))


def test_an_executor_that_broke_has_nothing_queued(
    worker: Worker, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the initializer fails, callers get the library's error and no call waits."""
    found = watch(ThreadPoolExecutor(1, initializer=lambda: 1 / 0), name=name)
    with pytest.raises(BrokenThreadPool):
        found.submit(int).result()
    eventually(lambda: gauges(worker, name) == (1, 0, 0))
    found.shutdown()


def test_a_function_is_not_kept_after_its_call(worker: Worker, name: str) -> None:
    """A future refers neither to the function nor to its arguments, as without watching."""
    import weakref

    class Heavy:
        def run(self) -> int:
            return 1

    heavy = Heavy()
    gone = weakref.ref(heavy)
    with watch(ThreadPoolExecutor(1), name=name) as found:
        future = found.submit(heavy.run)
        assert future.result() == 1
        del heavy
        found.submit(int).result()  # the thread has let go of the first by then
        assert gone() is None


def test_a_subclass_with_its_own_ways_to_submit(worker: Worker, name: str) -> None:
    """A subclass sees the name of what is submitted, and its own arguments, as without watching."""

    class Own(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Any:
            first, *rest = args
            if isinstance(first, int):
                return super().submit(rest[0], *rest[1:], **kwargs)
            named.append(first.__name__)
            return super().submit(first, *rest, **kwargs)

    named: list[str] = []
    with watch(Own(1), name=name) as found:
        assert found.submit(square, 3).result() == 9
        assert found.submit(5, square, 4).result() == 16
    assert named == ["square"]
    assert calls(worker, name) == (1, 1)


def square(number: int) -> int:
    return number * number


def die() -> None:
    os._exit(3)


@pytest.fixture
def processes(name: str) -> Any:
    with watch(ProcessPoolExecutor(2, mp_context=get_context("spawn")), name=name) as found:
        yield found


def test_an_executor_of_processes_exports_calls_in_flight(
    processes: ProcessPoolExecutor, worker: Worker, name: str
) -> None:
    """Capacity and calls in flight are exported; waits and runs in children are not."""
    slow = [processes.submit(time.sleep, 0.5) for _ in range(4)]
    assert gauges(worker, name) == (2, 4, None)
    for future in slow:
        future.result()
    assert list(processes.map(square, range(5), chunksize=2)) == [0, 1, 4, 9, 16]
    assert processes.submit(functools.partial(square, 3)).result() == 9
    eventually(lambda: gauges(worker, name) == (2, 0, None))
    assert calls(worker, name) == (0, 0)


def test_a_broken_executor_has_nothing_in_flight(
    processes: ProcessPoolExecutor, worker: Worker, name: str
) -> None:
    """The error of a broken executor is the library's, and no call stays in flight."""
    with pytest.raises(BrokenProcessPool):
        processes.submit(die).result()
    eventually(lambda: gauges(worker, name)[1] in {0, None})
