"""`SidelightMiddleware`: one line in the application, and every request passes through here."""

from typing import Unpack

from starlette.types import ASGIApp

from sidelight.asgi.dispatch import Dispatch
from sidelight.asgi.lifecycle import StoreLifecycle
from sidelight.asgi.native import Calls
from sidelight.settings import Options


class SidelightMiddleware(Calls):
    """Measures every request of an application, and answers ``GET /metrics``.

    Options are those of `sidelight.settings.Options`; all have defaults. Nothing that goes
    wrong in here reaches a request. The constructor never raises: a wrong option answers
    ``lifespan.startup.failed`` with the reason and raises it, or is logged once where the server
    has no lifespan, and requests pass through unmeasured.
    """

    def __init__(self, app: ASGIApp, **options: Unpack[Options]) -> None:
        self.app = app
        self.lifecycle = StoreLifecycle(app, options)
        self.prepare(app, self.lifecycle.common_keys, Dispatch(app, self.lifecycle, self))
