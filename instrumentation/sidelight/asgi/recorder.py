"""Where exchanges are recorded: this application's routes and labels on this process's file."""

import logging
import sys
import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from starlette.types import Scope

from sidelight.asgi import tracing
from sidelight.asgi.routes import RouteTable
from sidelight.asgi.slow import SlowLog
from sidelight.contract import (
    DURATION,
    METHODS,
    METRICS,
    NANOSECONDS,
    OTHER,
    ROUTE,
    SLOW,
    UNKNOWN,
    Metric,
    boundaries,
)
from sidelight.runtime import process
from sidelight.runtime.heartbeat import Heartbeat
from sidelight.settings import EVERY_ROUTE, Settings
from sidelight.store import route_table
from sidelight.store.layout import Block
from sidelight.store.local import Store
from sidelight.store.route_table import ANY, WEBSOCKET
from sidelight.store.writer import Full, Tally

logger = logging.getLogger("sidelight")

REQUEST_SIZE = METRICS["http_server_request_body_size_bytes"]
RESPONSE_SIZE = METRICS["http_server_response_body_size_bytes"]
OVERFLOW = METRICS["sidelight_series_overflow_total"]
INTERNAL_ERRORS = METRICS["sidelight_internal_errors_total"]

SCHEMES = frozenset({"http", "https", "ws", "wss"})
MOST_ROOTS = 16
REDIRECT = 307
SERVER_ERROR = 500
MOST_CLASSES = 64
REBUILD_SECONDS = 1.0
FAULT_LOG_SECONDS = 60.0


class Book:
    """One method of one route: its labels and the series it has used."""

    __slots__ = (
        "durations",
        "method",
        "request_size",
        "response_size",
        "route",
        "scheme",
        "slow_ns",
    )

    def __init__(self, method: str, route: str, scheme: str, slow_ns: int) -> None:
        self.method = method
        self.route = route
        self.scheme = scheme
        self.slow_ns = slow_ns
        self.durations: dict[int, Tally] = {}
        self.request_size: Tally | None = None
        self.response_size: Tally | None = None


Page = dict[int, dict[str, Book]]
"""By the id of an endpoint, then by method."""


class Recorder:
    """Everything one application's exchanges need to be recorded in this process."""

    def __init__(self, settings: Settings, store: Store, routes: Sequence[Any]) -> None:
        self.settings = settings
        self.store = store
        self.file = store.file
        self.bounds = [round(bound * NANOSECONDS) for bound in self.file.bounds]
        self.first_bound = self.bounds[0]
        self.sum_at = len(self.bounds) + 1
        self.tracing = tracing.active()
        self.slow_log = SlowLog()
        self.pages: dict[str, dict[str, Page]] = {}
        self._books: dict[tuple[str, str, str], Book] = {}
        self._roots: set[str] = set()
        self._classes: set[str] = set()
        self._faults: dict[str, float] = {}
        self._routes = routes
        self.heartbeat = Heartbeat(store, self._beat)
        self._built = 0.0
        self.publish()

    def _beat(self) -> None:
        self.tracing = tracing.active()

    def close(self) -> None:
        """End cleanly, with a last look at the application's own metrics."""
        self.heartbeat.stop()
        if self.store.directory is not None:
            self.heartbeat.snapshots.take()
            process.publish(self.file)
        self.store.close()

    def publish(self) -> None:
        """Make the route table, and show it to readers in other processes."""
        self._built = time.monotonic()
        self.table = RouteTable(self._routes)
        priced = [
            route._replace(slow=self._slowest(route.methods, route.template))
            for route in self.table.routes
        ]
        try:
            self.file.note(Block.ROUTES, route_table.encode(priced))
        except Full:
            self.fault("route_table")
        for schemes in self.pages.values():
            for scheme in schemes:
                schemes[scheme] = {}

    def _slowest(self, methods: tuple[str, ...], template: str) -> float | None:
        if methods in {(WEBSOCKET,), (ANY,)}:
            return None
        return max(self.threshold(method, template) for method in methods)

    def threshold(self, method: str, template: str) -> float:
        """From how many seconds on a request is slow. ``template`` is without ``root_path``."""
        slow = self.settings.slow
        return slow.get(f"{method} {template}", slow[EVERY_ROUTE])

    def page(self, scope: Scope) -> Page:
        """The books of a ``root_path`` and scheme; made at their first request."""
        raw = str(scope.get("root_path", ""))
        scheme = str(scope.get("scheme", "http"))
        scheme = scheme if scheme in SCHEMES else OTHER
        found = self.pages.get(raw, {}).get(scheme)
        if found is not None:
            return found
        page: Page = {}
        self.note_root(scope, scheme)
        if len(self.pages) < MOST_ROOTS:
            self.pages.setdefault(raw, {})[scheme] = page
        return page

    def note_root(self, scope: Scope, scheme: str) -> None:
        """Publish a scheme and ``root_path`` when they are new."""
        note = f"{scheme} {root_of(scope)}"
        if note not in self._roots and len(self._roots) < MOST_ROOTS:
            self._roots.add(note)
            self.file.note(Block.ROOTS, note.encode())

    def route(self, scope: Scope, status: int) -> str:
        """The label ``http_route`` of a request that has been routed."""
        root = root_of(scope)
        endpoint = scope.get("endpoint")
        if endpoint is not None and not self.table.knows(endpoint):
            self._rebuild()
        template = ""
        if status == REDIRECT and (endpoint is None or self.table.sure(endpoint) is None):
            template = self.table.redirected(scope, root)
        template = template or self.table.template(scope, root)
        return self.labelled(template, root)

    def labelled(self, template: str, root: str) -> str:
        """A template with its ``root_path``, unless there have been too many of those."""
        if not template or template == UNKNOWN or not root:
            return template
        known = any(note.partition(" ")[2] == root for note in self._roots)
        return root + template if known else OTHER

    def _rebuild(self) -> None:
        """Routes were added while running."""
        if time.monotonic() - self._built >= REBUILD_SECONDS:
            self.publish()

    def book(self, scope: Scope, status: int, page: Page) -> Book:
        """The book of a request whose page doesn't have it yet."""
        verb = scope["method"]
        method = verb if verb in METHODS else OTHER
        scheme = str(scope.get("scheme", "http"))
        scheme = scheme if scheme in SCHEMES else OTHER
        route = self.route(scope, status)
        key = (method, route, scheme)
        book = self._books.get(key)
        if book is None:
            template = route.removeprefix(root_of(scope))
            slow_ns = round(self.threshold(method, template) * NANOSECONDS)
            book = Book(method, route, scheme, slow_ns)
            if len(self._books) < 2 * self.settings.max_series:
                self._books[key] = book
        endpoint = scope.get("endpoint")
        if method == verb and endpoint is not None and self.table.sure(endpoint) is not None:
            page.setdefault(id(endpoint), {})[method] = book
        return book

    def duration(self, book: Book, status: int, error: str) -> Tally:
        """The duration series of a book for a status; 0 is a status that was never sent."""
        if not error and status in book.durations:
            return book.durations[status]
        sent = str(status) if status else ""
        kind = error or (sent if status >= SERVER_ERROR else "")
        tally, exact = self._tally(DURATION, (book.method, book.route, sent, kind, book.scheme))
        if exact and not error:
            book.durations[status] = tally
        return tally

    def request_size(self, book: Book) -> Tally:
        """The request size series of a book."""
        tally, exact = self._tally(REQUEST_SIZE, (book.method, book.route))
        if exact:
            book.request_size = tally
        return tally

    def response_size(self, book: Book) -> Tally:
        """The response size series of a book."""
        tally, exact = self._tally(RESPONSE_SIZE, (book.method, book.route))
        if exact:
            book.response_size = tally
        return tally

    def _tally(self, metric: Metric, labels: tuple[str, ...]) -> tuple[Tally, bool]:
        """A series, and whether it is exactly this one.

        Past the cap it is the one whose route is ``_OTHER``, and that is counted. Raises
        `Full` when not even that has room.
        """
        try:
            return self.file.tally(metric, labels), True
        except Full:
            self.file.count(OVERFLOW)
            at = metric.labels.index(ROUTE)
            other = (*labels[:at], OTHER, *labels[at + 1 :])
            return self.file.tally(metric, other, beyond=True), False

    def observe(self, metric: Metric, labels: tuple[str, ...], value: int) -> None:
        """Add one observation (nanoseconds or bytes) to a histogram, off the hot path."""
        tally, _ = self._tally(metric, labels)
        bounds = boundaries(metric.scale, self.file.bounds)
        self.add(tally, bisect_left(bounds, value / metric.divisor), value)

    def place(self, ns: int) -> int:
        """The bucket of a duration."""
        return bisect_left(self.bounds, ns)

    def add(self, tally: Tally, place: int, value: int) -> None:
        """Add one observation to a bucket, and its value to the sum."""
        counts, words, at = tally.counts, self.file.words, tally.at
        last = len(counts) - 1
        counts[place] = words[at + place] = counts[place] + 1
        counts[last] = words[at + last] = counts[last] + value

    def increment(self, metric: Metric, labels: tuple[str, ...]) -> Tally:
        """Add one to a counter with a route."""
        tally, _ = self._tally(metric, labels)
        counts, words = tally.counts, self.file.words
        counts[0] = words[tally.at] = counts[0] + 1
        return tally

    def class_name(self, error: BaseException) -> str:
        """An exception's class as a label value, of which there are not too many."""
        name = type(error).__name__
        if name not in self._classes:
            if len(self._classes) >= MOST_CLASSES:
                return OTHER
            self._classes.add(name)
        return name

    def slow(self, book: Book, facts: dict[str, Any]) -> None:
        """Count and log one slow request."""
        tally = self.increment(SLOW, (book.method, book.route))
        span = tracing.current()
        if span is not None:
            facts["trace_id"] = span[0].hex()
            self.file.exemplar(tally, 0, *span, 1.0)
        self.slow_log.write(facts)

    def fault(self, where: str) -> None:
        """Something of ours went wrong: count it, log it once a minute, and go on."""
        cause = sys.exc_info()
        with suppress(Exception):
            now = time.monotonic()
            if now - self._faults.get(where, -FAULT_LOG_SECONDS) >= FAULT_LOG_SECONDS:
                self._faults[where] = now
                logger.error("fault in %s; requests are not affected", where, exc_info=cause)
            self.file.count(INTERNAL_ERRORS, (where,))


def root_of(scope: Scope) -> str:
    """``root_path`` as it was before any mount added to it."""
    root = scope.get("app_root_path", scope.get("root_path", ""))
    return str(root).rstrip("/")
