"""What is measured while one test runs: which applications there are, and what they added."""

import os
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic_ns
from typing import Any

from starlette.types import Receive, Scope

from sidelight.app_metrics.registry import default_registry
from sidelight.asgi.client_connection import arrival
from sidelight.asgi.lifecycle import StoreLifecycle, observing
from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.contract import DURATION_BUCKETS
from sidelight.runtime import instruments, process
from sidelight.settings import Settings, disabled
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from sidelight.testing import metric_data
from sidelight.testing.blocks import ApplicationCall, LoopBlocks
from sidelight.testing.lookup import UnknownError, took_part
from sidelight.testing.metric_data import MetricData
from sidelight.testing.tested_registry import TestedRegistry

MOST_SERIES = 4000


class TestedFile:
    """The file of a worker, held open beyond its application's end, and what was in it.

    ``new`` is one that was made in this test.
    """

    __test__ = False  # for pytest, which takes it for a class of tests

    def __init__(self, file: WorkerFile, *, new: bool) -> None:
        self._name, self._new = file.name, new
        self._fd = os.dup(file.fd)
        self._before = metric_data.read(self._name, self._fd)

    def added(self) -> MetricData:
        """What was added since; nothing of an application that has no part in this test."""
        data = metric_data.since(metric_data.read(self._name, self._fd), self._before)
        return data if self._new or took_part(data, self._before) else {}

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


class MeasuredTest:
    """One test, and what the applications under test have added since it began.

    It is an observer of the applications: one that opens its store meanwhile counts in memory of
    its own, whatever directory it is told to share, since a test must not mix with others that
    run at the same time, or with a service.
    """

    def __init__(self) -> None:
        self.blocks = LoopBlocks()
        self.called: set[StoreLifecycle] = set()
        self.without_waits: set[StoreLifecycle] = set()
        """Applications with a request of which nothing tells how long it waited."""
        self._files: dict[bytes, TestedFile] = {}
        self._used: dict[StoreLifecycle, set[bytes]] = {}
        self._process = WorkerFile(None, schema(DURATION_BUCKETS), MOST_SERIES)
        instruments.attach(self._process)
        process.publish(self._process)
        self._process_file = TestedFile(self._process, new=True)
        self._registries = {id(None): TestedRegistry(None)}

    def opening(self, settings: Settings) -> Settings:
        """The settings of an application, without a directory."""
        return replace(settings, directory=None)

    def opened(self, lifecycle: StoreLifecycle) -> None:
        """Read what an application writes, from now on."""
        self.adopt(lifecycle, new=True)

    async def serve(
        self,
        lifecycle: StoreLifecycle,
        scope: Scope,
        receive: Receive,
        steps: Coroutine[Any, Any, None],
    ) -> None:
        """Time the steps of a call of an application."""
        self.called.add(lifecycle)
        if lifecycle.recorder is not None:
            lifecycle.recorder.heartbeat.follow()
        if scope["type"] == "http" and not _tells_waits(lifecycle, receive):
            self.without_waits.add(lifecycle)
        await self.blocks.call(ApplicationCall(lifecycle, scope), steps)

    def adopt(self, lifecycle: StoreLifecycle, *, new: bool) -> None:
        """Read what an application writes, from now on; it may open several files in a test."""
        self._registry_of(lifecycle)
        recorder = lifecycle.recorder
        files = self._used.setdefault(lifecycle, set())
        if recorder is not None and recorder.file.fd >= 0:
            files.add(recorder.file.id)
            if recorder.file.id not in self._files:
                self._files[recorder.file.id] = TestedFile(recorder.file, new=new)

    def added(self, only: StoreLifecycle | None) -> MetricData:
        """What all applications, or one of them, have added since the test began."""
        instruments.publish(self._process)
        process.publish(self._process)
        running = {each.recorder.file.id for each in self._used if each.recorder}
        found = []
        for known, file in self._files.items():
            if only is None or known in self._used[only]:
                data = file.added()
                found.append(data if known in running else metric_data.lasting(data))
        data = metric_data.joined(self._process_file.added(), found)
        return {**self._app_metrics(self._used if only is None else [only]), **data}

    def _app_metrics(self, lifecycles: Iterable[StoreLifecycle]) -> MetricData:
        """What was added to the registries of applications; without any, to the default one."""
        registries = {self._registry_of(each) for each in lifecycles}
        data: MetricData = {}
        for registry in registries or {self._registries[id(None)]}:
            for name, family in registry.added().items():
                known = data.setdefault(name, family)
                for labels, series in family.series.items() if known is not family else ():
                    known.add(labels, series)
        return data

    def _registry_of(self, lifecycle: StoreLifecycle) -> TestedRegistry:
        """The registry of an application, whose metrics count from the first call on."""
        registry = None if lifecycle.settings is None else lifecycle.settings.registry
        if registry is default_registry():
            registry = None
        if id(registry) not in self._registries:
            self._registries[id(registry)] = TestedRegistry(registry)
        return self._registries[id(registry)]

    def lifecycle_of(self, app: Any) -> StoreLifecycle:
        """What measures an application. Raises `UnknownError`."""
        part = app
        while part is not None:
            if isinstance(part, SidelightMiddleware):
                self._used.setdefault(part.lifecycle, set())
                return self._with_own_file(part.lifecycle)
            stack = getattr(part, "middleware_stack", None)
            part = stack if stack is not None else getattr(part, "app", None)
        raise UnknownError(
            f"{app!r} has not been asked for anything yet, or has no SidelightMiddleware "
            f"among its own middleware{self.why()}"
        )

    def _with_own_file(self, found: StoreLifecycle) -> StoreLifecycle:
        """One that shares its file can't be distinguished from those it shares it with."""
        for other, files in self._used.items():
            if other is not found and files & self._used[found]:
                raise UnknownError(
                    "this application was started before the test, with a directory that it "
                    "shares with another: ask for both together, without of()"
                )
        return found

    def why(self) -> str:
        """What may have kept requests from being measured."""
        if disabled():
            return "; SIDELIGHT_DISABLED turns all measuring off"
        problems = {each.problem or each.unmeasured for each in self.called} - {""}
        return "".join(f"; an application is not measured: {problem}" for problem in problems)

    def close(self) -> None:
        """Let go of everything."""
        instruments.detach(self._process)
        for file in (self._process_file, *self._files.values()):
            file.close()


def _tells_waits(lifecycle: StoreLifecycle, receive: Receive) -> bool:
    """Whether the server and its event loop, or a proxy, tell how long a request waited."""
    recorder = lifecycle.recorder
    if recorder is None or recorder.queue_header is not None:
        return recorder is not None
    return recorder.heartbeat.clock.is_known and arrival(receive, monotonic_ns()) is not None


@contextmanager
def measuring() -> Iterator[MeasuredTest]:
    """Measure what happens in a block, in this process."""
    test = MeasuredTest()
    with observing(test) as before, test.blocks.timing():
        for lifecycle in before:
            test.adopt(lifecycle, new=False)
        try:
            yield test
        finally:
            test.close()
