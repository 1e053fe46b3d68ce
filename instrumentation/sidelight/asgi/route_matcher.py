"""One way to an endpoint, and which requests take it."""

import re

from starlette.convertors import CONVERTOR_TYPES
from starlette.types import Scope

from sidelight.store import route_table
from sidelight.store.route_table import PublishedRoute


class RouteMatcher:
    """One way to an endpoint: its template, and what a request must look like to take it.

    ``has_routes`` says that it is a mount of an application with routes of its own, for which the
    endpoint alone is not enough.
    """

    def __init__(
        self,
        route: PublishedRoute,
        host: re.Pattern[str] | None,
        *,
        mount: bool = False,
        has_routes: bool = False,
    ) -> None:
        self.route = route
        self.template = route.template
        self.methods = frozenset(route.methods)
        self.mount = mount
        self.has_routes = has_routes
        self._host = host
        self._pattern: re.Pattern[str] | None = None

    def matches(self, scope: Scope, path: str) -> bool:
        """Whether the host and path match; the method is ignored, so that a 405 has a route."""
        if self._host is not None and not self._host.match(_host(scope)):
            return False
        if self._pattern is None:
            self._pattern = pattern(self.route.path)
        return self._pattern.match(path) is not None

    @property
    def is_open(self) -> bool:
        """Whether its last parameter takes any path."""
        return self.mount or self.route.path.endswith(":path}")


def pattern(path: str) -> re.Pattern[str]:
    """The pattern of a whole path, with the convertors of this process."""
    convertors = {name: convertor.regex for name, convertor in CONVERTOR_TYPES.items()}
    return re.compile(route_table.regex(path, convertors), re.DOTALL)


def _host(scope: Scope) -> str:
    for name, value in scope.get("headers", ()):
        if name == b"host":
            return bytes(value).decode("latin-1").rsplit(":", 1)[0].lower()
    return ""
