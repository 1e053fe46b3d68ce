"""How long the requests of each route keep the event loop busy, clocked by the extension.

A request is clocked where it enters the application's router: in whichever task that is, and with
all of the framework's work below it.
"""

from typing import TYPE_CHECKING, Any

from starlette.routing import Router
from starlette.types import ASGIApp, Scope

from sidelight.asgi.awaiting import wait_for
from sidelight.asgi.chosen_route import chosen
from sidelight.asgi.request_keys import RequestKey
from sidelight.contract import METRICS, UNMATCHED
from sidelight.extension import extension
from sidelight.store.mapped_file import StoreFull

BUSY = METRICS["asyncio_event_loop_busy_seconds_total"]


def learn(key: RequestKey, scope: Scope) -> int:
    """The word that counts the busy time of a request's route; found natively the next time.

    It is -1 in a full file: then the time is a part of what no route is counted for.
    """
    recorder, route = key.recorder, chosen(scope)
    label = key.find_route(scope, 0).route or UNMATCHED
    try:
        word = recorder.file.series(BUSY, (label,), uncapped=True)
    except StoreFull:
        return -1
    recorder.heartbeat.use.routes[word] = label
    if route is not None:
        key.remember_busy(scope.get("root_path", ""), route, word)
    return word


if TYPE_CHECKING or extension is None:
    Clocked: Any = object
else:
    Clocked = extension.Clocked


class ClockedRouter(Clocked):  # type: ignore[misc]  # the extension has no types
    """What a router calls."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.prepare(app, wait_for, learn)

    def __reduce__(self) -> tuple[type, tuple[ASGIApp]]:
        """A copy clocks the copy of what it calls."""
        return ClockedRouter, (self.app,)


def clock(app: Any) -> None:
    """Clock what the router of an application calls; again, it changes nothing."""
    router = getattr(app, "router", app)
    if extension is not None and isinstance(router, Router):
        stack = router.middleware_stack
        if not isinstance(stack, ClockedRouter):
            router.middleware_stack = ClockedRouter(stack)
