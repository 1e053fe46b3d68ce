"""The routes of an application: the file that knows how Starlette and FastAPI keep them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from starlette.routing import BaseRoute, Host, Mount, Route, WebSocketRoute
from starlette.types import Scope

from sidelight.store.route_table import ANY, WEBSOCKET

try:
    from fastapi.routing import iter_route_contexts
except ImportError:  # Starlette alone, or FastAPI before 0.137.2, which keeps routes flat

    def iter_route_contexts(routes: Sequence[Any]) -> Iterator[Any]:  # type: ignore[misc] # stands in for FastAPI's
        """Routes as they are."""
        yield from routes


def mounted(routes: Iterable[Any]) -> Iterator[Any]:
    """The applications that some routes lead to."""
    for route in iter_route_contexts(list(routes)):
        if isinstance(getattr(route, "original_route", route), Host | Mount):
            yield route.app


def in_order(owner: object, routes: Sequence[Any]) -> Iterator[Any]:
    """Some routes of an application, and those of its included routers, as they are tried."""
    yield from iter_route_contexts(list(routes))
    yield from _low_priority(owner)


def _low_priority(owner: object) -> Iterator[Any]:
    """The routes that FastAPI tries after all others, if nothing else matched."""
    router = getattr(owner, "router", owner)
    for route in getattr(router, "_low_priority_routes", ()):
        if isinstance(route, Route):
            yield route


def scope_objects(route: Any) -> Iterator[object]:
    """What a scope may hold of a route: itself, and what FastAPI makes of it for its place."""
    original = getattr(route, "original_route", None)
    if original is None:
        yield route
        return
    yield original
    context = getattr(route, "_route_context", None)
    if context is not None:
        yield context
        yield from filter(None, [getattr(context, "starlette_route", None)])


def frontend_path(scope: Scope) -> str | None:
    """The rest of a path that FastAPI's ``app.frontend`` serves; None for another request."""
    rest = scope.get("fastapi", {}).get("frontend_path")
    return rest if isinstance(rest, str) else None


def methods_of(kind: object, route: Any) -> set[str]:
    """The methods that a route takes."""
    if isinstance(kind, WebSocketRoute):
        return {WEBSOCKET}
    return set(getattr(route, "methods", None) or {ANY})


def router_below(scope: Scope, app: object) -> object:
    """What has the outermost routes a request can meet: the router that chose us, or one below."""
    starts = (scope.get("router"), scope.get("app"), app)
    return next(filter(routes_of, starts), None)


def routes_of(app: object) -> Sequence[BaseRoute]:
    """The routes of an application, or of the one it wraps by the attribute ``app``."""
    seen: set[int] = set()
    while app is not None and id(app) not in seen:
        seen.add(id(app))
        routes = getattr(app, "routes", None)
        if isinstance(routes, list):
            return routes
        app = getattr(app, "app", None)
    return []
