"""The labels of a request: its route, method and scheme, each from a bounded set."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from starlette.types import Scope

from sidelight.asgi.chosen_route import chosen, is_mount, requested_path
from sidelight.asgi.root_paths import MOST_ROOTS, RootPaths, root_of
from sidelight.asgi.route_matcher import pattern
from sidelight.asgi.route_objects import router_below, routes_of
from sidelight.asgi.routes import RouteTable
from sidelight.contract import METHODS, OTHER, UNKNOWN
from sidelight.route_thresholds import EVERY_ROUTE
from sidelight.settings import Settings
from sidelight.store import route_table
from sidelight.store.layout import BlockKind
from sidelight.store.mapped_file import StoreFull
from sidelight.store.route_table import ANY, WEBSOCKET, PublishedRoute, strip_root
from sidelight.store.writer import WorkerFile

logger = logging.getLogger("sidelight")

SCHEMES = frozenset({"http", "https", "ws", "wss"})
REDIRECT = 307
MOST_REBUILDS = 16
"""In a row: after that one a second, for an application whose routes are never the same."""
REBUILD_SECONDS = 1.0
MOST_ROUTERS = 8
"""An application has one, unless it chooses between several by code of its own."""
MOST_PUBLICATIONS = 16
"""Each is a new copy of the table; later routes are measured, and unknown to other processes."""


class RouteLabel(NamedTuple):
    """The label ``http_route`` of a request.

    ``by_route`` says that every request of the chosen route has it, as long as the application's
    routes and the ``root_path`` are the same; ``by_endpoint``, that every request of the endpoint
    has it.
    """

    text: str
    by_route: bool = False
    by_endpoint: bool = False


class Labels:
    """One application's routes, published for readers in other processes."""

    def __init__(
        self,
        settings: Settings,
        file: WorkerFile,
        router: object,
        on_change: Callable[[], None],
    ) -> None:
        """``router`` has the routes; ``on_change`` is called when labels may have changed."""
        self._slow = settings.slow_request_threshold
        self._file = file
        self._routers = [router]
        self._on_change = on_change
        self._below_mounts = [PublishedRoute((ANY,), path) for path in settings.path_templates]
        self._patterns = [(each.template, pattern(each.path)) for each in self._below_mounts]
        self._notes: set[str] = set()
        self._lock = threading.RLock()  # of what is learned; `on_change` may learn as well
        self._published = b""
        self._publications = 0
        self._rebuilds_left = MOST_REBUILDS
        self.root_paths = RootPaths(on_change)
        self._publish()

    def _publish(self) -> None:
        self._built = time.monotonic()
        self.table = RouteTable(self._routers)
        published = [each for route in self._in_order() for each in self._with_threshold(route)]
        text = route_table.encode(published)
        if text != self._published and self._publications < MOST_PUBLICATIONS:
            self._published = text
            self._publications += 1
            try:
                self._file.append_block(BlockKind.ROUTES, text)
            except StoreFull:
                logger.warning(
                    "no room to publish %d routes: requests are measured, but those in flight "
                    "have no route, and none is shown at zero; a higher max_series makes room",
                    len(published),
                )

    def _in_order(self) -> list[PublishedRoute]:
        """The routes, with those below mounts in front of the first mount."""
        routes, at = self.table.routes, self.table.before_open
        return [*routes[:at], *self._below_mounts, *routes[at:]]

    def _with_threshold(self, route: PublishedRoute) -> Iterator[PublishedRoute]:
        """A route's methods with the threshold they have in common, one line each."""
        if route.methods in {(WEBSOCKET,), (ANY,)}:
            yield route
            return
        by_threshold: dict[float, list[str]] = {}
        for method in route.methods:
            by_threshold.setdefault(self.threshold(method, route.template), []).append(method)
        for slow, methods in by_threshold.items():
            yield PublishedRoute(tuple(methods), route.path, slow)

    def threshold(self, method: str, template: str) -> float:
        """From how many seconds on a request is slow. ``template`` is without ``root_path``."""
        return self._slow.get(f"{method} {template}", self._slow[EVERY_ROUTE])

    def note_root(self, scope: Scope) -> str | None:
        """The ``root_path`` as a label has it, published with the scheme when it is new.

        None where there are too many or the file is full.
        """
        with self._lock:
            root = self.root_paths.label(scope)
            note = f"{scheme_label(scope.get('scheme', 'http'))} {root}"
            if root is not None and note not in self._notes and len(self._notes) < MOST_ROOTS:
                try:
                    self._file.append_block(BlockKind.ROOTS, note.encode(errors="replace"))
                except StoreFull:
                    return None if root else ""
                self._notes.add(note)
            return root

    def route(self, scope: Scope, status: int) -> RouteLabel:
        """The label ``http_route`` of a request that has been routed."""
        self.refresh(scope)
        template = ""
        if status == REDIRECT and self.table.is_unrouted(scope):
            template = self.table.redirected(scope, root_of(scope))
        template = template or self.table.template(scope, root_of(scope))
        below = self._below_mount(scope)
        text = _joined(self.note_root(scope), below or template)
        if below or template == UNKNOWN or (self._patterns and self.table.is_open(scope)):
            return RouteLabel(text)
        route = chosen(scope)
        if route is not None and not is_mount(route):
            return RouteLabel(text, by_route=True)
        only = self.table.only_template(scope.get("endpoint"))
        return RouteLabel(text, by_endpoint=only is not None)

    def seen(self, scope: Scope) -> str:
        """The route of a request as far as it is known now; may be called from any thread."""
        template = self._below_mount(scope) or self.table.template(scope, root_of(scope))
        return _joined(self.root_paths.label(scope, learn=False), template)

    def _below_mount(self, scope: Scope) -> str:
        """The template that the settings give to a path below a mount, or the empty string."""
        if not self._patterns or not self.table.is_open(scope):
            return ""
        path = strip_root(requested_path(scope), root_of(scope))
        return next((text for text, regex in self._patterns if regex.match(path)), "")

    def refresh(self, scope: Scope) -> bool:
        """Whether the table has the application's present routes; it is made again if not.

        An empty scope leads to no router that isn't known yet.
        """
        with self._lock:
            known = self._knows(router_below(scope, None))
            if known and self.table.is_current():
                return True
            if time.monotonic() - self._built >= REBUILD_SECONDS:
                self._rebuilds_left = MOST_REBUILDS
            if self._rebuilds_left:
                self._rebuilds_left -= 1
                self._publish()
                self._on_change()
            return False

    def _knows(self, router: object) -> bool:
        """Whether a router is among those that the table has; it is from now on."""
        routes = routes_of(router)
        if router is None or any(routes_of(known) is routes for known in self._routers):
            return True
        if len(self._routers) < MOST_ROUTERS:
            self._routers.append(router)
            return False
        return True


def _joined(root: str | None, template: str) -> str:
    """A label of its two parts; without a template of its own there is no ``root_path`` in it."""
    if not template or template == UNKNOWN:
        return template
    return OTHER if root is None else root + template


def method_label(method: str) -> str:
    """The label ``http_request_method``; connections have ``WEBSOCKET``."""
    return method if method in METHODS or method == WEBSOCKET else OTHER


def scheme_label(scheme: str) -> str:
    """The label ``url_scheme``."""
    return scheme if scheme in SCHEMES else OTHER
