"""concurrent.futures.ProcessPoolExecutor: what was handed over to it and is not done.

A call's start is seen by the child alone, and what is sent to the child is not touched. So
there is no telling a call that runs from one that waits.
"""

from collections.abc import Callable, Iterator
from typing import Any

from sidelight.runtime.adapters.adapter import Adapter, Method
from sidelight.runtime.adapters.thread_executor import CAPACITY, IN_USE
from sidelight.runtime.instruments import GaugeReading


class ProcessExecutor(Adapter):
    """One executor."""

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
        """Shut down and done, or gone."""
        executor = self.source
        ends = ("_shutdown_thread", "_shutdown")
        shut = any(getattr(executor, name, False) for name in ends)
        return executor is None or (shut and not self._handed)

    def readings(self) -> Iterator[GaugeReading]:
        """Processes there may be, and calls handed over."""
        executor = self.source
        if executor is None or self.over():
            return
        yield GaugeReading(CAPACITY, (self.name,), executor._max_workers)  # noqa: SLF001 said nowhere else
        yield GaugeReading(IN_USE, (self.name,), len(self._handed))

    def forked(self) -> None:
        """The parent's calls are its own."""
        self._handed.clear()


ADAPTER = ProcessExecutor
