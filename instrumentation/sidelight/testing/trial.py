"""All that is measured while one test runs: which applications there are, and what they added."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from sidelight.asgi import middleware as asgi
from sidelight.asgi.handlers import MARK
from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.contract import DURATION_BUCKETS
from sidelight.runtime import instruments, process
from sidelight.settings import disabled
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from sidelight.testing import pages
from sidelight.testing.holds import Holds, Owner
from sidelight.testing.lookup import UnknownError, asked
from sidelight.testing.pages import Page

MOST_SERIES = 4000


class _File:
    """The file of a worker, held open beyond its application's end, and what was in it.

    ``new`` is one that was made in this test.
    """

    def __init__(self, file: WorkerFile, *, new: bool) -> None:
        self._name, self._new = file.name, new
        self._fd = os.dup(file.fd)
        self._before = pages.read(self._name, self._fd)

    def page(self) -> Page:
        """What was added since; nothing of an application that has no part in this test."""
        page = pages.since(pages.read(self._name, self._fd), self._before)
        return page if self._new or asked(page) else {}

    def close(self) -> None:
        os.close(self._fd)


class Trial:
    """One test, and what the applications under test have added since it began."""

    def __init__(self) -> None:
        self.holds = Holds()
        self.called: set[SidelightMiddleware] = set()
        self._files: dict[bytes, _File] = {}
        self._used: dict[SidelightMiddleware, set[bytes]] = {}
        self._process = WorkerFile(None, schema(DURATION_BUCKETS), MOST_SERIES)
        instruments.attach(self._process)
        process.publish(self._process)
        self._own = _File(self._process, new=True)
        self._users = pages.app_metrics()
        for found in list(asgi._living):  # noqa: SLF001 our own
            self.adopt(found, new=False)

    def adopt(self, found: SidelightMiddleware, *, new: bool) -> None:
        """Read what a middleware writes, from now on; it may open several files in a test."""
        recorder = found._recorder  # noqa: SLF001 our own
        files = self._used.setdefault(found, set())
        if recorder is not None and recorder.file.fd >= 0:
            files.add(recorder.file.id)
            if recorder.file.id not in self._files:
                self._files[recorder.file.id] = _File(recorder.file, new=new)

    def page(self, only: SidelightMiddleware | None) -> Page:
        """What all applications, or one of them, have added since the test began."""
        instruments.publish(self._process)
        process.publish(self._process)
        running = {m._recorder.file.id for m in self._used if m._recorder}  # noqa: SLF001 our own
        each = []
        for known, file in self._files.items():
            if only is None or known in self._used[only]:
                each.append(file.page() if known in running else pages.lasting(file.page()))
        page = pages.joined(self._own.page(), each)
        return {**pages.since(pages.app_metrics(), self._users), **page}

    def middleware_of(self, app: Any) -> SidelightMiddleware:
        """The middleware that measures an application. Raises `UnknownError`."""
        part = app
        while part is not None:
            if isinstance(part, SidelightMiddleware):
                self._used.setdefault(part, set())
                return self._alone(part)
            stack = getattr(part, "middleware_stack", None)
            part = stack if stack is not None else getattr(part, "app", None)
        raise UnknownError(
            f"{app!r} has not been asked for anything yet, or has no SidelightMiddleware "
            f"among its own middleware{self.why()}"
        )

    def _alone(self, found: SidelightMiddleware) -> SidelightMiddleware:
        """One that shares its file can't be told from those it shares it with."""
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
        problems = {m.problem or m._broken for m in self.called} - {""}  # noqa: SLF001 our own
        return "".join(f"; an application is not measured: {problem}" for problem in problems)

    def close(self) -> None:
        """Let go of everything."""
        instruments.detach(self._process)
        for file in (self._own, *self._files.values()):
            file.close()


@contextmanager
def watching() -> Iterator[Trial]:
    """What is measured of what happens in a block, in this process.

    An application that starts in it counts in memory of its own, whatever directory it is
    told to share: a test must not mix with its neighbours, or with a service that runs.
    """
    trial = Trial()
    opens, calls = SidelightMiddleware._open, SidelightMiddleware.__call__  # noqa: SLF001 our own

    def opening(found: SidelightMiddleware, scope: Scope) -> bool:
        given = found._settings  # noqa: SLF001 our own
        if given is not None and given.directory is not None:
            found._settings = replace(given, directory=None)  # noqa: SLF001 our own
        try:
            return opens(found, scope)
        finally:
            found._settings = given  # noqa: SLF001 our own
            trial.adopt(found, new=True)

    async def calling(
        found: SidelightMiddleware, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if MARK in scope:  # within another one, or on the way from `_unusual`
            await calls(found, scope, receive, send)
            return
        trial.called.add(found)
        _follow(found)
        await trial.holds.call(Owner(found, scope), calls(found, scope, receive, send))

    with pytest.MonkeyPatch.context() as patch, trial.holds.watching():
        patch.setattr(SidelightMiddleware, "_open", opening)
        patch.setattr(SidelightMiddleware, "__call__", calling)
        try:
            yield trial
        finally:
            trial.close()


def _follow(found: SidelightMiddleware) -> None:
    """Have the heartbeat go on at once where an application is called on a new loop."""
    recorder = found._recorder  # noqa: SLF001 our own
    if recorder is not None:
        with suppress(RuntimeError):  # not asyncio's
            if recorder.heartbeat._loop is not asyncio.get_running_loop():  # noqa: SLF001 our own
                recorder.wake()
