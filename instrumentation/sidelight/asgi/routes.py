"""Route templates: the one file that knows how Starlette and FastAPI keep their routes.

After a request ``scope["endpoint"]`` holds what was chosen: an endpoint function, or a
mount's application. A table made from the application's routes leads from there to the whole
template, through included routers, mounts and hosts.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.convertors import CONVERTOR_TYPES
from starlette.routing import BaseRoute, Host, Mount, WebSocketRoute
from starlette.types import Scope

from sidelight.contract import UNKNOWN
from sidelight.store import route_table
from sidelight.store.route_table import ANY, WEBSOCKET, PublishedRoute, strip_root

try:
    from fastapi.routing import iter_route_contexts
except ImportError:  # Starlette alone, or FastAPI before 0.137.2, which keeps routes flat

    def iter_route_contexts(routes: Sequence[Any]) -> Iterator[Any]:  # type: ignore[misc]
        """Routes as they are."""
        yield from routes


MOST_DEPTH = 16


@dataclass(frozen=True, slots=True)
class RouteMatcher:
    """One way to an endpoint: its template, and what a request must look like to take it."""

    template: str
    methods: frozenset[str]
    path: re.Pattern[str]
    host: re.Pattern[str] | None
    has_routes: bool
    """A mount of an application with routes of its own: the endpoint alone is not enough."""

    def matches(self, scope: Scope, path: str) -> bool:
        """Whether the host and path match; the method is ignored, so that a 405 has a route."""
        if self.host is not None and not self.host.match(_host(scope)):
            return False
        return self.path.match(path) is not None


class RouteTable:
    """The routes below one router, by endpoint."""

    def __init__(self, routes: Iterable[Any]) -> None:
        self._matchers: dict[int, list[RouteMatcher]] = {}
        self._ordered: list[RouteMatcher] = []
        self._kept: list[Any] = []
        self.routes: list[PublishedRoute] = []
        """Every route as it is published, in the order in which they are tried."""
        self._walk(routes, "", None, 0)

    def _walk(
        self, routes: Iterable[Any], prefix: str, host: re.Pattern[str] | None, depth: int
    ) -> None:
        for route in iter_route_contexts(list(routes)):
            kind = getattr(route, "original_route", route)
            path = getattr(route, "path", None)
            if isinstance(kind, Host):
                self._add_host(route)
                if depth < MOST_DEPTH:
                    self._walk(routes_of(route.app), prefix, route.host_regex, depth + 1)
            elif isinstance(kind, Mount) and path is not None:
                inner = routes_of(route.app)
                if depth < MOST_DEPTH:
                    self._walk(inner, prefix + path, host, depth + 1)
                whole = prefix + path + "/{path:path}"
                self._add(route.app, whole, {ANY}, host, has_routes=bool(inner))
            elif path is not None and getattr(route, "endpoint", None) is not None:
                self._add(route.endpoint, prefix + path, _methods(kind, route), host)

    def _add(
        self,
        endpoint: object,
        path: str,
        methods: set[str],
        host: re.Pattern[str] | None,
        *,
        has_routes: bool = False,
    ) -> None:
        route = PublishedRoute(tuple(sorted(methods)), path)
        pattern = re.compile(route_table.regex(path, _convertors()), re.DOTALL)
        matcher = RouteMatcher(route.template, frozenset(methods), pattern, host, has_routes)
        self._keep(endpoint, matcher)
        self._ordered.append(matcher)
        self.routes.append(route)

    def _add_host(self, route: Any) -> None:
        """A host is no part of a template: without a route inside there is none."""
        matcher = RouteMatcher(
            "", frozenset({ANY}), re.compile(""), route.host_regex, has_routes=True
        )
        self._keep(route.app, matcher)

    def _keep(self, endpoint: object, matcher: RouteMatcher) -> None:
        self._matchers.setdefault(id(endpoint), []).append(matcher)
        self._kept.append(endpoint)  # an id is only good while its object lives

    def template_of(self, endpoint: object) -> str | None:
        """The template of an endpoint that has only one; None for others."""
        matchers = self._matchers.get(id(endpoint), ())
        templates = {matcher.template for matcher in matchers}
        if len(templates) == 1 and not any(matcher.has_routes for matcher in matchers):
            return templates.pop()
        return None

    def knows(self, endpoint: object) -> bool:
        """Whether the table has the endpoint at all."""
        return id(endpoint) in self._matchers

    def has_routes(self, endpoint: object) -> bool:
        """Whether the endpoint is an application with routes of its own."""
        matchers = self._matchers.get(id(endpoint), ())
        return bool(matchers) and all(matcher.has_routes for matcher in matchers)

    def template(self, scope: Scope, root: str) -> str:
        """The template of a request that has been routed, without ``root_path``.

        Empty where no route matched, ``_UNKNOWN`` where the table doesn't know the endpoint.
        """
        endpoint = scope.get("endpoint")
        matchers = self._matchers.get(id(endpoint), ()) if endpoint is not None else ()
        path = strip_root(scope["path"], root)
        if endpoint is None or all(matcher.has_routes for matcher in matchers):
            found = _frontend(scope, path) or self._unseen(scope, path)
            if found or not matchers:
                return found if endpoint is None or found else UNKNOWN
        for matcher in matchers:
            if matcher.matches(scope, path) and (
                scope.get("method") in matcher.methods or matcher.has_routes
            ):
                return matcher.template
        return next(
            (matcher.template for matcher in matchers if matcher.matches(scope, path)), UNKNOWN
        )

    def _unseen(self, scope: Scope, path: str) -> str:
        """Match again where the scope can't tell: a middleware in between passed on a copy.

        Without a copy there is a ``router``, and no endpoint means no match.
        """
        if "router" in scope and "endpoint" not in scope:
            return ""
        return self._search(scope, path, mounts="endpoint" not in scope)

    def _search(self, scope: Scope, path: str, *, mounts: bool) -> str:
        """Try the routes in their order, as a router does: first with the method, then without."""
        taking = [
            matcher
            for matcher in self._ordered
            if (mounts or not matcher.has_routes)
            and (WEBSOCKET in matcher.methods) == (scope["type"] == "websocket")
            and matcher.matches(scope, path)
        ]
        wanted = {scope.get("method", WEBSOCKET), ANY}
        exact = [
            matcher.template
            for matcher in taking
            if wanted & matcher.methods and not matcher.has_routes
        ]
        return (exact or [matcher.template for matcher in taking] or [""])[0]

    def redirected(self, scope: Scope, root: str) -> str:
        """The template a slash redirect leads to, or the empty string."""
        path = strip_root(scope["path"], root)
        turned = path.rstrip("/") if path.endswith("/") else path + "/"
        return self._search(scope, turned, mounts=True)


def mounted(routes: Iterable[Any]) -> Iterator[Any]:
    """The applications that some routes lead to."""
    for route in iter_route_contexts(list(routes)):
        if isinstance(getattr(route, "original_route", route), Host | Mount):
            yield route.app


def _convertors() -> dict[str, str]:
    return {name: convertor.regex for name, convertor in CONVERTOR_TYPES.items()}


def _methods(kind: object, route: Any) -> set[str]:
    if isinstance(kind, WebSocketRoute):
        return {WEBSOCKET}
    return set(getattr(route, "methods", None) or {ANY})


def _frontend(scope: Scope, path: str) -> str:
    """FastAPI's ``app.frontend(path)``: served without an endpoint, by what is left of a path."""
    rest = scope.get("fastapi", {}).get("frontend_path")
    if not isinstance(rest, str):
        return ""
    return (path.removesuffix(rest) if rest else path).rstrip("/") + "/{path}"


def _host(scope: Scope) -> str:
    for name, value in scope.get("headers", ()):
        if name == b"host":
            return bytes(value).decode("latin-1").rsplit(":", 1)[0].lower()
    return ""


def chosen(scope: Scope) -> object | None:
    """The route object a router chose, where the scope tells it; one a place in the tree.

    For a route that came through ``include_router`` that is FastAPI's context of it, if it
    is this route's and not one left behind by an outer router.
    """
    route = scope.get("route")
    if route is None or getattr(route, "endpoint", None) is not scope.get("endpoint"):
        return None
    context = scope.get("fastapi", {}).get("effective_route_context")
    found: object = context if getattr(context, "original_route", None) is route else route
    return found


def routes_below(scope: Scope, app: object) -> Sequence[BaseRoute]:
    """The outermost routes a request can meet: those of the router that chose us, or below us."""
    starts = (scope.get("router"), scope.get("app"), app)
    return next(filter(None, map(routes_of, starts)), [])


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
