"""Where everything begins that is no common request, by what kind of thing it is."""

from collections.abc import Callable, Coroutine
from time import monotonic_ns
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight.asgi.fast_path import RequestState, begin
from sidelight.asgi.lifecycle import StoreLifecycle, observers
from sidelight.asgi.lifespan import LifespanState, refuse
from sidelight.asgi.mark import LIFESPAN, MARK, Measurement, mark_of
from sidelight.asgi.metrics_endpoint import refusal, unmeasured_response
from sidelight.asgi.open_store import OpenStore
from sidelight.asgi.phases import Phases
from sidelight.asgi.request_keys import Target, target_of
from sidelight.asgi.root_paths import is_from_server
from sidelight.asgi.websocket import WebSocketState
from sidelight.runtime.faults import guarded
from sidelight.runtime.origin import ORIGIN

Serve = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]


OBSERVED = "sidelight.observed"
"""The key in the scope of what observers run already."""


class Dispatch:
    """Begins, or serves by itself, what an application is called for."""

    def __init__(self, app: ASGIApp, lifecycle: StoreLifecycle, whole: Serve) -> None:
        """``whole`` is the middleware itself."""
        self._app = app
        self._lifecycle = lifecycle
        self._whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Measurement | None:
        """What measures the call of the application; None if it has been served."""
        kind = scope["type"]
        if self._lifecycle.disabled or mark_of(scope) is not None:
            await self._app(scope, receive, send)
        elif OBSERVED not in scope and observers():
            await self._observed(scope, receive, send)
        elif kind == "lifespan":
            return await self._lifespan(scope, receive, send)
        elif kind not in {"http", "websocket"}:
            await self._app(scope, receive, send)
        elif (store := await self._lifecycle.open(scope)) is None:
            await self._unmeasured(scope, receive, send)
        else:
            return await self._measured(store, scope, receive, send)
        return None

    async def _observed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin once more, in the hands of the observers."""
        steps = self._whole(scope, receive, send)
        for observer in observers():
            steps = observer.serve(self._lifecycle, scope, receive, steps)
        scope[OBSERVED] = True
        try:
            await steps
        finally:
            scope.pop(OBSERVED, None)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> Measurement | None:
        await self._lifecycle.read_settings()
        if self._lifecycle.error is not None:
            await refuse(self._lifecycle.error, self._lifecycle.problem, receive, send)
        scope[MARK] = LIFESPAN
        return LifespanState(self._lifecycle, scope, receive, send)

    async def _unmeasured(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Without a store there are no metrics but the one that says so."""
        app, settings, exclusions = self._app, self._lifecycle.settings, self._lifecycle.exclusions
        if settings is not None and exclusions is not None and scope["type"] == "http":
            with guarded("endpoint"):
                target = target_of(scope)
                if exclusions.is_metrics(target.method, target.path, target.root_path):
                    answer = refusal(settings.metrics_token, scope)
                    app = answer or unmeasured_response(self._lifecycle.unmeasured, scope)
        await app(scope, receive, send)

    async def _measured(
        self, store: OpenStore, scope: Scope, receive: Receive, send: Send
    ) -> Measurement | None:
        """A connection, or a request that is the first of its key, or sampled, or excluded."""
        app, recorder, exclusions = self._app, store.recorder, store.exclusions
        state: Measurement | None = None
        with guarded("begin", recorder.faults):
            target = target_of(scope)
            if not exclusions.excludes(target.path, target.root_path):
                state = self._begin(store, target, scope, receive, send)
            elif exclusions.is_metrics(target.method, target.path, target.root_path):
                app = store.endpoint
        if state is None:
            await app(scope, receive, send)
        return state

    def _begin(
        self, store: OpenStore, target: Target, scope: Scope, receive: Receive, send: Send
    ) -> Measurement | None:
        if target.root_path and is_from_server(scope, type(self._whole)):
            store.recorder.labels.root_paths.entered(scope)
        key, kept = store.keys.find(target, scope)
        if scope["type"] == "websocket":
            ORIGIN.set((key, target.path))
            connection = WebSocketState(key, scope, receive, send)
            scope[MARK] = key, connection.slot, connection.since
            return connection
        header = store.recorder.queue_header
        queued = 0 if header is None else header.queued(scope)
        if kept and header is None:
            self._lifecycle.learn(key)
        state = begin({}, scope, receive, send, key=key, queued=queued)
        if state is not None and key.unsampled <= 0:
            with guarded("phases", store.recorder.faults):
                sample(state)
        return state


def sample(state: RequestState) -> None:
    """Measure the phases of a request, and choose the next whose phases are measured."""
    sampler = state.key.recorder.sampler
    state.key.unsampled = sampler.gap()
    if not sampler.takes(monotonic_ns()):
        return
    phases = Phases(state.scope)
    state.set_extra().phases = phases
    state.server_receive = phases.listening(state.server_receive)
