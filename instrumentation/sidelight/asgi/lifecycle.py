"""One application's store in this process: opened, tried again, left after a fork, closed."""

import logging
import os
import threading
import time
import weakref
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from anyio.lowlevel import checkpoint
from starlette.types import ASGIApp, Receive, Scope

from sidelight import default_log
from sidelight.asgi.exclusions import Exclusions
from sidelight.asgi.open_store import OpenStore, measure
from sidelight.asgi.recorder import Recorder
from sidelight.asgi.request_keys import RequestKey
from sidelight.asgi.thread_call import ThreadCall
from sidelight.errors import SettingsError, StoreError
from sidelight.settings import Settings, disabled, load
from sidelight.store.layout import STATE, WorkerState

logger = logging.getLogger("sidelight")

RETRY_SECONDS = 30.0
TURNS = 20

_lifecycles: "weakref.WeakSet[StoreLifecycle]" = weakref.WeakSet()
_observers: "list[Observer]" = []


class StoreLifecycle:
    """Opens and closes what measures one application in this process.

    ``error`` is what is wrong with the options. ``settings`` is None until `prepare` was called,
    with an error, and where SIDELIGHT_DISABLED turns everything off. ``unmeasured`` is the
    reason, as the label ``where`` has it, why there is no store after an attempt to open it.
    ``common_keys`` are those of requests that may go the fast path, by method.
    """

    def __init__(self, app: ASGIApp, options: Mapping[str, Any]) -> None:
        """Never raises, and reads no file: it may be called on an event loop."""
        self.disabled = disabled()
        """Whether SIDELIGHT_DISABLED turns everything off."""
        self.settings: Settings | None = None
        self.exclusions: Exclusions | None = None
        self.error: SettingsError | None = None
        self.unmeasured = ""
        self.common_keys: dict[str, RequestKey] = {}
        self._app = app
        self.options = options
        self._open_store: OpenStore | None = None
        self._kept_store: OpenStore | None = None
        self._opening: ThreadCall | None = None
        self._retry = 0.0
        self._lock = threading.Lock()  # of what event loops in several threads open and close
        self._started: weakref.WeakSet[object] = weakref.WeakSet()
        self._serving: weakref.WeakSet[object] = weakref.WeakSet()
        _lifecycles.add(self)
        default_log.install()

    @property
    def problem(self) -> str:
        """What is wrong with the options, in words; empty where nothing is."""
        return "" if self.error is None else f"SidelightMiddleware: {self.error}"

    def prepare(self) -> None:
        """Read the settings, once. Raises whatever is no fault of the options."""
        if self.settings is None and self.error is None and not self.disabled:
            try:
                settings = load(self.options)
                self.settings, self.exclusions = settings, Exclusions(settings)
            except SettingsError as error:
                self.error = error

    @property
    def recorder(self) -> Recorder | None:
        """Where requests are recorded while the store is open."""
        return None if self._open_store is None else self._open_store.recorder

    async def read_settings(self) -> None:
        """Call `prepare` in a thread, since it reads files. Never raises."""
        with suppress(Exception):  # `open` tries it again, and logs why it fails
            await ThreadCall(self.prepare).wait()

    async def open(self, scope: Scope) -> OpenStore | None:
        """The open store; None, and why is logged, when it can't be had. Never raises.

        It is opened in a thread, since the event loop must not wait for files. A request that
        finds it being opened waits for the same thread.
        """
        if self._open_store is None:
            opening = self._begin_to_open(scope)
            if opening is not None:
                await opening.wait()
        return self._open_store

    def _begin_to_open(self, scope: Scope) -> ThreadCall | None:
        """The call that opens the store; None where it is not tried now."""
        with self._lock:
            if self._open_store is None and (self._opening is None or self._opening.ended):
                if self._refused() or time.monotonic() < self._retry:
                    return None
                self._opening = ThreadCall(self._try, scope)
            return self._opening

    def _refused(self) -> bool:
        """Whether an option is wrong, which is logged once."""
        if self.error is not None and not self.unmeasured:
            self.unmeasured = "settings"
            logger.error("%s; requests pass through unmeasured", self.problem)
        return self.error is not None

    def _try(self, scope: Scope) -> None:
        """Open the store, or log why that is not possible. Never raises."""
        try:
            self.prepare()
            if self.settings is None or self.exclusions is None:
                self._refused()
                return
            self._open_store = self._open(self.settings, self.exclusions, scope)
            for observer in _observers:
                observer.opened(self)
        except Exception as error:
            reason = error.reason if isinstance(error, StoreError) else "fault"
            self._retry = time.monotonic() + RETRY_SECONDS
            self.unmeasured = f"store_{reason}"
            logger.error(  # noqa: TRY400 a reason in words needs no traceback
                "requests of this worker pass through unmeasured: %s",
                error,
                exc_info=not isinstance(error, StoreError),
            )
            return
        self.unmeasured = ""

    def _open(self, settings: Settings, exclusions: Exclusions, scope: Scope) -> OpenStore:
        kept, self._kept_store = self._kept_store, None
        if kept is not None and not _observers:
            kept.recorder.resume()
            return kept
        for observer in _observers:
            settings = observer.opening(settings)
        return measure(self._app, settings, exclusions, scope)

    def learn(self, key: RequestKey) -> None:
        """Requests with this key can go the fast path from now on."""
        if not _observers:
            self.common_keys[key.method] = key

    async def started(self, lifespan: object, scope: Scope) -> None:
        """The application has started: open the store, and start the heartbeat.

        It may have several lifespans at one time, each of an event loop in a thread of its own.
        """
        with self._lock:
            self._started.add(lifespan)
            self._serving.add(lifespan)
        opened = await self.open(scope)
        if opened is not None:
            opened.recorder.heartbeat.wake()

    def stopping(self, lifespan: object) -> None:
        """The application is told to stop."""
        with self._lock:
            self._serving.discard(lifespan)
            is_last = not self._serving
        if is_last and self._open_store is not None:
            self._open_store.recorder.file.words[STATE] = WorkerState.DRAINING

    async def drain(self) -> None:
        """Let requests end that were cancelled, which takes them some turns of the event loop."""
        for _ in range(TURNS):
            if self._open_store is None or not self._open_store.recorder.file.in_flight:
                return
            await checkpoint()

    def stopped(self, lifespan: object) -> None:
        """The application has stopped; after the last of its lifespans it is closed."""
        with self._lock:
            self._started.discard(lifespan)
            if not self._started:
                self._close()

    def close(self) -> None:
        """Leave what was counted to the others.

        A process that is alone keeps it for its next lifespan: a serverless adapter may run one
        for each request.
        """
        with self._lock:
            self._close()

    def _close(self) -> None:
        stopped = self._open_store
        self.forget()
        if stopped is not None:
            stopped.recorder.close()
            if stopped.recorder.store.directory is None and not _observers:
                self._kept_store = stopped

    def forget(self) -> None:
        """Leave the store as it is, and open one at the next request."""
        self._open_store = self._kept_store = None
        self.common_keys.clear()

    def leave_parent(self) -> None:
        """In a forked child: the store is the parent's, and so is a thread that opens it."""
        self._lock = threading.Lock()
        self._opening = None
        self.forget()


class Observer(Protocol):
    """Follows every application of this process while it is `observing`."""

    def opening(self, settings: Settings) -> Settings:
        """The settings with which an application opens its store, in place of its own."""

    def opened(self, lifecycle: StoreLifecycle) -> None:
        """An application has opened its store."""

    async def serve(
        self,
        lifecycle: StoreLifecycle,
        scope: Scope,
        receive: Receive,
        steps: Coroutine[Any, Any, None],
    ) -> None:
        """Run the steps that serve a request, a connection or a lifespan."""


@contextmanager
def observing(observer: Observer) -> Iterator[list[StoreLifecycle]]:
    """Call an observer in a block; what is given are the applications there are already.

    No request goes the fast path meanwhile, so that the fast path need not look for observers.
    """
    _observers.append(observer)
    before = list(_lifecycles)
    for lifecycle in before:
        lifecycle.common_keys.clear()
    try:
        yield before
    finally:
        _observers.remove(observer)


def observers() -> tuple[Observer, ...]:
    """The present observers."""
    return tuple(_observers)


def _after_fork() -> None:
    for lifecycle in list(_lifecycles):
        lifecycle.leave_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
