"""`SidelightMiddleware`: one line in the application, and every request passes through here."""

from time import monotonic_ns
from typing import Unpack

from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight.asgi.dispatch import Dispatch
from sidelight.asgi.fast_path import begin
from sidelight.asgi.lifecycle import StoreLifecycle
from sidelight.asgi.mark import MARK
from sidelight.asgi.request import NOTICEABLE
from sidelight.settings import Options


class SidelightMiddleware:
    """Measures every request of an application, and answers ``GET /metrics``.

    Options are those of `sidelight.settings.Options`; all have defaults. Nothing that goes
    wrong in here reaches a request. The constructor never raises: a wrong option answers
    ``lifespan.startup.failed`` with the reason and raises it, or is logged once where the server
    has no lifespan, and requests pass through unmeasured.
    """

    def __init__(self, app: ASGIApp, **options: Unpack[Options]) -> None:
        self.app = app
        self.lifecycle = StoreLifecycle(app, options)
        self._common_keys = self.lifecycle.common_keys
        self._dispatch = Dispatch(app, self.lifecycle, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, connection or lifespan."""
        common = begin(self._common_keys, scope, receive, send)
        state = common or await self._dispatch(scope, receive, send)
        if state is None:
            return
        try:
            await self.app(scope, state.receive, state.send)
        except BaseException as error:
            scope.pop(MARK, None)
            state.end(error)
            raise
        if common is None:
            scope.pop(MARK, None)
        if state.slot is not None or monotonic_ns() - state.since >= NOTICEABLE:
            state.end(None)
