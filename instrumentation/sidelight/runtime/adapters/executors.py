"""The executors of concurrent.futures.

How long calls wait for a thread and then run, and what was handed to processes and is not done.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from sidelight.contract import METRICS
from sidelight.runtime import instruments
from sidelight.runtime.adapters.adapter import Adapter, Method
from sidelight.runtime.faults import guarded
from sidelight.runtime.instruments import GaugeReading

CAPACITY = METRICS["python_executor_capacity"]
IN_USE = METRICS["python_executor_in_use"]
QUEUED = METRICS["python_executor_queued"]
WAIT = METRICS["python_executor_wait_seconds"]
RUN = METRICS["python_executor_run_seconds"]


class ThreadExecutor(Adapter):
    """One executor of threads."""

    def __init__(self, given: Any, name: str) -> None:
        super().__init__(given, name)
        self.queued: set[SubmittedCall] = set()
        self.running: set[SubmittedCall] = set()

    def methods(self, base: Any) -> Iterator[Method]:
        """`map` and an event loop's `run_in_executor` submit too."""

        def submit(executor: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            if not callable(fn):  # a subclass with arguments of its own
                return base.submit(executor, fn, *args, **kwargs)
            call = SubmittedCall(self, fn)
            self.queued.add(call)
            try:
                future = base.submit(executor, call, *args, **kwargs)
            except BaseException:
                self.queued.discard(call)
                raise
            future.add_done_callback(call.done)
            return future

        yield submit

    def over(self) -> bool:
        """Whether it is shut down and idle, or freed."""
        executor = self.source
        busy = self.queued or self.running
        return executor is None or (getattr(executor, "_shutdown", False) and not busy)

    def readings(self) -> Iterator[GaugeReading]:
        """The number of threads allowed, of calls that run and of calls that wait."""
        executor = self.source
        if executor is None or self.over():
            return
        yield GaugeReading(CAPACITY, (self.name,), executor._max_workers)  # noqa: SLF001 said nowhere else
        yield GaugeReading(IN_USE, (self.name,), len(self.running))
        yield GaugeReading(QUEUED, (self.name,), len(self.queued))

    def forked(self) -> None:
        """Reset the counts: a forked child has no threads of its parent."""
        self.queued.clear()
        self.running.clear()


class SubmittedCall:
    """One call, in place of the function that was submitted."""

    __slots__ = ("_executor", "_function", "_submitted")

    def __init__(self, executor: ThreadExecutor, function: Callable[..., Any]) -> None:
        self._executor = executor
        self._function: Callable[..., Any] | None = function
        self._submitted = time.monotonic_ns()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Run the function, in the thread of the executor."""
        function: Any = self._function
        self._function = None  # who keeps the future doesn't keep the function
        began = time.monotonic_ns()
        self._begin(began)
        try:
            return function(*args, **kwargs)
        finally:
            self._end(began)

    def __getattr__(self, name: str) -> Any:
        """As the function, for a subclass that asks for its name before it submits it."""
        return getattr(self._function, name)

    @guarded("watch")
    def _begin(self, began: int) -> None:
        self._executor.running.add(self)
        self._executor.queued.discard(self)
        instruments.observe(WAIT, (self._executor.name,), began - self._submitted)

    @guarded("watch")
    def _end(self, began: int) -> None:
        self._executor.running.discard(self)
        instruments.observe(RUN, (self._executor.name,), time.monotonic_ns() - began)

    def done(self, _future: Any) -> None:
        """Its future is done: it ran, was cancelled, or the executor broke."""
        self._function = None
        self._executor.queued.discard(self)


class ProcessExecutor(Adapter):
    """One executor of processes.

    A call's start is seen by the child alone, and what is sent to the child is not touched. So
    there is no telling a call that runs from one that waits.
    """

    def __init__(self, given: Any, name: str) -> None:
        super().__init__(given, name)
        self._handed: set[object] = set()

    def methods(self, base: Any) -> Iterator[Method]:
        """`map` submits too: one call for each of its chunks."""

        def submit(executor: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            future = base.submit(executor, fn, *args, **kwargs)
            token = object()
            self._handed.add(token)
            future.add_done_callback(lambda _: self._handed.discard(token))
            return future

        yield submit

    def over(self) -> bool:
        """Whether it is shut down and idle, or freed."""
        executor = self.source
        ends = ("_shutdown_thread", "_shutdown")
        shut = any(getattr(executor, name, False) for name in ends)
        return executor is None or (shut and not self._handed)

    def readings(self) -> Iterator[GaugeReading]:
        """The number of processes allowed, and of calls that were submitted and have not ended."""
        executor = self.source
        if executor is None or self.over():
            return
        yield GaugeReading(CAPACITY, (self.name,), executor._max_workers)  # noqa: SLF001 said nowhere else
        yield GaugeReading(IN_USE, (self.name,), len(self._handed))

    def forked(self) -> None:
        """Reset the counts: the calls are the parent's."""
        self._handed.clear()
