"""The labels of a request: its route, method and scheme, each from a bounded set."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from starlette.types import Scope

from sidelight.asgi.routes import RouteTable, routes_below
from sidelight.contract import METHODS, OTHER, UNKNOWN
from sidelight.settings import EVERY_ROUTE, Settings
from sidelight.store import route_table
from sidelight.store.layout import BlockKind
from sidelight.store.route_table import ANY, WEBSOCKET, PublishedRoute
from sidelight.store.writer import StoreFull, WorkerFile

logger = logging.getLogger("sidelight")

SCHEMES = frozenset({"http", "https", "ws", "wss"})
MOST_ROOTS = 16
REDIRECT = 307
REBUILD_SECONDS = 1.0
MOST_PUBLICATIONS = 16
"""Each is a new copy of the table; later routes are measured, and unknown to other processes."""


class Labels:
    """One application's routes, published for readers in other processes."""

    def __init__(
        self,
        settings: Settings,
        file: WorkerFile,
        routes: Sequence[Any],
        on_change: Callable[[], None],
    ) -> None:
        """``on_change`` is called after routes were added while running."""
        self._slow = settings.slow_request_threshold
        self._file = file
        self._routes = routes
        self._on_change = on_change
        self._notes: set[str] = set()
        self._roots: set[str] = set()
        self._published = b""
        self._publications = 0
        self._publish()

    def _publish(self) -> None:
        self._built = time.monotonic()
        self.table = RouteTable(self._routes)
        published = [each for route in self.table.routes for each in self._with_threshold(route)]
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

    def note_root(self, scheme: str, root: str) -> None:
        """Publish a scheme and ``root_path`` when they are new, and not too many."""
        note = f"{scheme_label(scheme)} {root}"
        if note not in self._notes and len(self._notes) < MOST_ROOTS:
            with suppress(StoreFull):  # such requests are then counted as _OTHER
                self._file.append_block(BlockKind.ROOTS, note.encode(errors="replace"))
                self._notes.add(note)
                self._roots.add(root)

    def route(self, scope: Scope, status: int) -> str:
        """The label ``http_route`` of a request that has been routed."""
        root = root_of(scope)
        endpoint = scope.get("endpoint")
        if not self.table.knows(endpoint) and (endpoint is not None or not self.table.routes):
            self._rebuild(scope)
        template = ""
        if status == REDIRECT and (endpoint is None or self.table.has_routes(endpoint)):
            template = self.table.redirected(scope, root)
        template = template or self.table.template(scope, root)
        if not template or template == UNKNOWN or not root:
            return template
        self.note_root(scope.get("scheme", "http"), root)  # an inner application may have set it
        return root + template if root in self._roots else OTHER

    def seen(self, scope: Scope) -> str:
        """The route of a request as far as it is known now; may be called from any thread."""
        root = root_of(scope)
        template = self.table.template(scope, root)
        if not template or template == UNKNOWN or not root:
            return template
        return root + template if root in self._roots else OTHER

    def _rebuild(self, scope: Scope) -> None:
        """Routes were added while running, or lie where only a request leads."""
        if self.table.routes and time.monotonic() - self._built < REBUILD_SECONDS:
            return
        self._routes = routes_below(scope, None) or self._routes
        self._publish()
        self._on_change()


def method_label(method: str) -> str:
    """The label ``http_request_method``; connections have ``WEBSOCKET``."""
    return method if method in METHODS or method == WEBSOCKET else OTHER


def scheme_label(scheme: str) -> str:
    """The label ``url_scheme``."""
    return scheme if scheme in SCHEMES else OTHER


def root_of(scope: Scope) -> str:
    """``root_path`` as it was before any mount added to it."""
    root = scope.get("app_root_path", scope.get("root_path", ""))
    return str(root).rstrip("/")
