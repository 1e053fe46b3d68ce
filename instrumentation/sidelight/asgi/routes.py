"""Route templates, by the route that a router chose.

A table made from the application's routes leads from the route that a router chose, or from the
endpoint where the scope tells no more, to the whole template: through included routers, mounts
and hosts. A route that isn't in the table says its own path, below the mounts in the table.
"""

import re
from collections.abc import Iterable, Sequence
from operator import is_
from typing import Any

from starlette.routing import Host, Mount
from starlette.types import Scope

from sidelight.asgi.chosen_route import chosen, is_mount, mount_root, path_of, requested_path
from sidelight.asgi.route_matcher import RouteMatcher
from sidelight.asgi.route_objects import (
    frontend_path,
    in_order,
    methods_of,
    routes_of,
    scope_objects,
)
from sidelight.contract import UNKNOWN
from sidelight.store.route_index import RouteIndex
from sidelight.store.route_table import ANY, WEBSOCKET, PublishedRoute, strip_root

MOST_DEPTH = 16
PATH = "/{path}"
"""What stands for the path below a mount in its template."""


class RouteTable:
    """The routes below an application's routers, by route object and by endpoint."""

    def __init__(self, routers: Iterable[object]) -> None:
        self._matchers: dict[int, list[RouteMatcher]] = {}
        self._ordered: list[RouteMatcher] = []
        self._index = RouteIndex[RouteMatcher]()
        self._kept: list[Any] = []
        self._sources: list[tuple[object, tuple[Any, ...]]] = []
        for router in routers:
            self._walk(router, "", None, 0)

    @property
    def routes(self) -> list[PublishedRoute]:
        """Every route as it is published, in the order in which they are tried."""
        return [matcher.route for matcher in self._ordered]

    @property
    def before_open(self) -> int:
        """The number of routes in front of the first whose last parameter takes any path."""
        found = (at for at, matcher in enumerate(self._ordered) if matcher.is_open)
        return next(found, len(self._ordered))

    def is_opaque(self, path: str) -> bool:
        """Whether a path leads into a mounted application whose routes can't be seen."""
        scope: Scope = {"type": "http", "method": "GET", "headers": ()}
        taking = (each for each in self._ordered if each.methods & {"GET", ANY})
        first = next((each for each in taking if each.matches(scope, path)), None)
        return first is not None and first.mount and not first.has_routes

    def is_current(self) -> bool:
        """Whether the application still has the routes that the table was made from."""
        return all(
            len(now := routes_of(owner)) == len(then) and all(map(is_, now, then))
            for owner, then in self._sources
        )

    def _walk(self, owner: object, prefix: str, host: re.Pattern[str] | None, depth: int) -> None:
        routes = routes_of(owner)
        self._note_source(owner, tuple(routes), set())
        for route in tuple(in_order(owner, routes)):
            kind = getattr(route, "original_route", route)
            path = getattr(route, "path", None)
            if isinstance(kind, Host):
                self._add_host(route)
                if depth < MOST_DEPTH:
                    self._walk(route.app, prefix, route.host_regex, depth + 1)
            elif isinstance(kind, Mount) and path is not None:
                if depth < MOST_DEPTH:
                    self._walk(route.app, prefix + path, host, depth + 1)
                whole = PublishedRoute((ANY,), prefix + path + "/{path:path}")
                inner = bool(routes_of(route.app))
                self._add([route.app], RouteMatcher(whole, host, mount=True, has_routes=inner))
            elif path is not None and getattr(route, "endpoint", None) is not None:
                methods = tuple(sorted(methods_of(kind, route)))
                matcher = RouteMatcher(PublishedRoute(methods, prefix + path), host)
                self._add([route.endpoint, *scope_objects(route)], matcher)

    def _note_source(self, owner: object, routes: tuple[Any, ...], seen: set[int]) -> None:
        """Remember a list of routes, and those of the routers that it includes."""
        self._sources.append((owner, routes))
        for route in routes:
            router = getattr(route, "original_router", None)
            if router is not None and id(router) not in seen:
                seen.add(id(router))
                self._note_source(router, tuple(routes_of(router)), seen)

    def _add(self, keys: Iterable[object], matcher: RouteMatcher) -> None:
        for key in keys:
            self._keep(key, matcher)
        self._ordered.append(matcher)
        self._index.add(matcher.route.path, matcher)

    def _add_host(self, route: Any) -> None:
        """A host is no part of a template: without a route inside there is none."""
        nothing = PublishedRoute((ANY,), "")
        matcher = RouteMatcher(nothing, route.host_regex, mount=True, has_routes=True)
        self._keep(route.app, matcher)

    def _keep(self, key: object, matcher: RouteMatcher) -> None:
        self._matchers.setdefault(id(key), []).append(matcher)
        self._kept.append(key)  # an id is only good while its object lives

    def _found(self, key: object) -> Sequence[RouteMatcher]:
        return () if key is None else self._matchers.get(id(key), ())

    def only_template(self, key: object) -> str | None:
        """The template of a route or an endpoint that has only one; None for others."""
        matchers = self._found(key)
        templates = {matcher.template for matcher in matchers}
        if len(templates) == 1 and not any(matcher.has_routes for matcher in matchers):
            return templates.pop()
        return None

    def is_unrouted(self, scope: Scope) -> bool:
        """Whether no route was chosen, or only that of a mount with routes of its own."""
        endpoint = scope.get("endpoint")
        return frontend_path(scope) is None and (endpoint is None or self.has_routes(endpoint))

    def has_routes(self, endpoint: object) -> bool:
        """Whether the endpoint is an application with routes of its own."""
        matchers = self._found(endpoint)
        return bool(matchers) and all(matcher.has_routes for matcher in matchers)

    def is_open(self, scope: Scope) -> bool:
        """Whether the last parameter of the route that was chosen takes any path."""
        route = chosen(scope)
        if route is not None and not is_mount(route):
            return (path_of(route) or "").endswith(":path}")
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return frontend_path(scope) is not None
        return all(matcher.is_open for matcher in self._found(endpoint))

    def template(self, scope: Scope, root: str) -> str:
        """The template of a request that has been routed, without ``root_path``.

        Empty where no route matched, ``_UNKNOWN`` where nothing tells which one did.
        """
        path = strip_root(requested_path(scope), root)
        route = chosen(scope)
        if route is not None and not is_mount(route):
            return self._of_route(route, scope, path)
        endpoint = scope.get("endpoint")
        matchers = self._found(endpoint)
        if endpoint is None or self.has_routes(endpoint):
            found = self._frontend(scope, root) or self._unseen(scope, path)
            if found or not matchers:
                return found
        return self._best(matchers, scope, path) or self._below_mount(scope, path) or UNKNOWN

    def _of_route(self, route: object, scope: Scope, path: str) -> str:
        """The template of a chosen route: as the table has it, or else as it says itself."""
        matchers = self._found(route)
        found = self._best(matchers, scope, path)
        own = path_of(route)
        if not found and own is not None:
            found = self._placed(PublishedRoute((), own).template, scope)
        return found or self._below_mount(scope, path) or UNKNOWN

    def _best(self, matchers: Sequence[RouteMatcher], scope: Scope, path: str) -> str:
        """The template that some ways have in common, or that of the first that matches."""
        templates = {matcher.template for matcher in matchers}
        if len(templates) == 1:
            return templates.pop()
        matching = [matcher for matcher in matchers if matcher.matches(scope, path)]
        exact = (
            matcher.template
            for matcher in matching
            if matcher.has_routes or scope.get("method") in matcher.methods
        )
        return next(exact, matching[0].template if matching else "")

    def _placed(self, template: str, scope: Scope) -> str:
        """A template below the mounts that a request has passed; empty if they aren't known."""
        added = mount_root(scope)
        if not added:
            return template
        for matcher in self._ordered:
            if matcher.mount and matcher.matches(scope, added + "/"):
                prefix = matcher.template.removesuffix(PATH)
                if _segments(prefix) == _segments(added):
                    return prefix + template
        return ""

    def _below_mount(self, scope: Scope, path: str) -> str:
        """The template of the innermost mount that a path lies below."""
        mounts = (each for each in self._ordered if each.mount and each.matches(scope, path))
        return next((matcher.template for matcher in mounts), "")

    def _frontend(self, scope: Scope, root: str) -> str:
        """FastAPI's ``app.frontend(path)``: served without an endpoint, by the rest of a path."""
        rest = frontend_path(scope)
        if rest is None:
            return ""
        path = strip_root(strip_root(scope["path"], root), mount_root(scope))
        own = (path.removesuffix(rest) if rest else path).rstrip("/") + PATH
        return self._placed(own, scope)

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
            for matcher in self._index.may_match(path)
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
        path = strip_root(requested_path(scope), root)
        turned = path.rstrip("/") if path.endswith("/") else path + "/"
        return self._search(scope, turned, mounts=True)


def _segments(path: str) -> int:
    return path.count("/")
