"""Where Starlette keeps exception handlers, and how to see an exception on its way to one.

Handlers live in a dictionary of each application's `ExceptionMiddleware`. Those that can meet
a validation error are replaced there by a `CountingHandler` of themselves. No handler is added, so
an exception without a handler propagates as before.
"""

import inspect
import sys
from collections.abc import Iterator
from functools import partial, update_wrapper
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import Scope

from sidelight.asgi.mark import mark_of
from sidelight.asgi.route_objects import mounted, routes_of
from sidelight.asgi.validation import RELATED, UNPROCESSABLE
from sidelight.runtime.faults import guarded

MOST_DEPTH = 16
BUILD = "build_middleware_stack"


class CountingHandler:
    """A handler of the application's, which counts the validation errors it is given."""

    def __init__(self, handler: Any) -> None:
        update_wrapper(self, handler)
        self._handler = handler
        self._awaits = _awaits(handler)

    async def __call__(self, request: Any, error: Exception) -> Any:
        """Count, and answer as the handler does."""
        count(request.scope, error)
        if self._awaits:
            return await self._handler(request, error)
        return await run_in_threadpool(self._handler, request, error)


def count(scope: Scope, error: BaseException) -> None:
    """An exception of a request is about to be answered."""
    mark = mark_of(scope)
    if mark is not None and mark[0] is not None and scope["type"] == "http":
        mark[0].handled(scope, error)


def watch(app: Any, depth: int = 0) -> None:
    """Watch the handlers of an application and of those mounted in it, built or not."""
    for part in _chain(app):
        if isinstance(part, ExceptionMiddleware):
            watch_these(part._exception_handlers, part._status_handlers)  # noqa: SLF001 no other way
        elif isinstance(part, Starlette) and part.middleware_stack is None:
            _watch_when_built(part)
    if depth < MOST_DEPTH:
        for inner in mounted(routes_of(app)):
            watch(inner, depth + 1)


def learn(scope: Scope) -> None:
    """Watch handlers that only a request leads to: behind middleware, or mounted since.

    If it is the first of these requests, the exception it may have led to is still at hand.
    """
    given = scope.get("starlette.exception_handlers")
    if given is None:
        return
    with guarded("validation"):
        handlers, by_status = given
        known = any(isinstance(handler, CountingHandler) for handler in handlers.values())
        if not known and watch_these(handlers, by_status):
            error = sys.exc_info()[1]
            while error is not None:  # Sidelight's is raised while the application's is handled
                count(scope, error)
                error = error.__context__


def watch_these(handlers: dict[Any, Any], by_status: dict[int, Any]) -> bool:
    """Watch those of some handlers that can meet a validation error; whether any was new."""
    found = [(handlers, key) for key in handlers if _meets(key)]
    found += [(by_status, key) for key in by_status if key == UNPROCESSABLE]
    new = [(table, key) for table, key in found if not isinstance(table[key], CountingHandler)]
    for table, key in new:
        table[key] = CountingHandler(table[key])
    return bool(new)


def _meets(key: Any) -> bool:
    return isinstance(key, type) and any(
        issubclass(key, one) or issubclass(one, key) for one in RELATED
    )


def _chain(app: Any) -> Iterator[Any]:
    """An application, and what it wraps."""
    seen: set[int] = set()
    while app is not None and id(app) not in seen:
        seen.add(id(app))
        yield app
        stack = getattr(app, "middleware_stack", None)
        app = stack if stack is not None else getattr(app, "app", None)


def _watch_when_built(app: Starlette) -> None:
    """An application makes its middleware at its first request: look at it then."""
    build = app.build_middleware_stack
    if isinstance(build, _Building):
        return
    app.build_middleware_stack = _Building(app, build)  # type: ignore[method-assign] # it is replaced on purpose


class _Building:
    """An application's own way to build its middleware, and one look at the result."""

    def __init__(self, app: Starlette, build: Any) -> None:
        self._app = app
        self._build = build

    def __call__(self) -> Any:
        stack = self._build()
        with guarded("validation"):
            if vars(self._app).get(BUILD) is self:
                delattr(self._app, BUILD)
            watch(stack)
        return stack


def _awaits(handler: Any) -> bool:
    """Whether Starlette would await it, or give it to a thread."""
    while isinstance(handler, partial):
        handler = handler.func
    call = getattr(handler, "__call__", None)  # noqa: B004 the method itself is examined
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(call)
