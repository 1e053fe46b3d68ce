"""Where exchanges are recorded: this application's routes and labels on this process's file."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from starlette.types import Scope

from sidelight.asgi import handlers, tracing
from sidelight.asgi.blame import Blame
from sidelight.asgi.books import HASHED_BY_IDENTITY, Book, Line, Page
from sidelight.asgi.labels import MOST_ROOTS, Labels, root_of
from sidelight.asgi.phases import Sampler
from sidelight.asgi.routes import chosen
from sidelight.asgi.slow_log import SlowLog
from sidelight.asgi.validation import Validation
from sidelight.cardinality import CardinalityLimiter
from sidelight.contract import (
    DURATION,
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
from sidelight.runtime.about import about
from sidelight.runtime.heartbeat import heartbeat
from sidelight.settings import Settings
from sidelight.store.layout import BlockKind
from sidelight.store.process_store import Store
from sidelight.store.route_table import WEBSOCKET
from sidelight.store.service_info import encode
from sidelight.store.slow_requests import SlowRequest
from sidelight.store.writer import SeriesCounter, StoreFull

REQUEST_SIZE = METRICS["http_server_request_body_size_bytes"]
RESPONSE_SIZE = METRICS["http_server_response_body_size_bytes"]
OVERFLOW = METRICS["sidelight_series_overflow_total"]

MOST_SHARED = 4096
SERVER_ERROR = 500
MOST_CLASSES = 64
MOST_CODES = 32


class Recorder:
    """Everything one application's exchanges need to be recorded in this process."""

    def __init__(
        self, settings: Settings, store: Store, routes: Sequence[Any], telemetry: str = ""
    ) -> None:
        self.settings = settings
        self.store = store
        self.file = store.file
        self.bounds = [round(bound * NANOSECONDS) for bound in self.file.bounds]
        self.tracing = tracing.active()
        self.slow_log = SlowLog()
        self.pages: dict[str, dict[str, dict[str, Page]]] = {}
        self._books: dict[tuple[str, str, str], Book] = {}
        # Where many routes share an endpoint; an id is only good while its object lives.
        self._shared: dict[tuple[int, Any, Page], tuple[Book, object]] = {}
        self.class_names = CardinalityLimiter(MOST_CLASSES)
        self.close_codes = CardinalityLimiter(MOST_CODES)
        self.heartbeat = heartbeat(store)
        self.about = about(settings, store.instance, telemetry=telemetry)
        with suppress(StoreFull):
            self.file.append_block(BlockKind.SERVICE_INFO, encode(self.about))
        self.labels = Labels(settings, self.file, routes, self._forget)
        self.sampler = Sampler(settings.phase_sample_interval)
        self.validation = Validation(self.labels, self.increment)
        self._blame = Blame(self.labels, self.file)
        self.heartbeat.join(self._beat, self._blame, settings.loop_block_threshold)

    def _beat(self) -> None:
        if self.tracing != tracing.active():
            self.tracing = not self.tracing
            self._forget()
        for page in self._each_page():
            page.renew()

    def wake(self) -> None:
        """Start the heartbeat on the running loop."""
        try:
            self.heartbeat.wake()
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.fault("heartbeat")

    def close(self) -> None:
        """End cleanly, with a last look at the application's own metrics."""
        self.heartbeat.part(self._beat, self._blame)
        try:
            if self.store.directory is not None:
                process.publish(self.file)
                self.heartbeat.app_metrics.publish()
        except Exception:  # noqa: BLE001 a collector of the application's may raise anything
            self.fault("registry")
        finally:
            self.store.close()

    def page(self, scope: Scope) -> Page:
        """The page of a ``root_path``, scheme and method; made at their first request."""
        root, scheme = scope.get("root_path", ""), scope.get("scheme", "")
        method = scope.get("method", WEBSOCKET)
        found = self.pages.get(root, {}).get(scheme, {}).get(method)
        if found is not None:
            return found
        self.labels.note_root(scope)
        page = Page(scope, self)
        if (page.method, page.scheme) == (method, scheme) and len(self.pages) < MOST_ROOTS:
            self.pages.setdefault(root, {}).setdefault(scheme, {})[method] = page
        return page

    def keeps(self, page: Page) -> bool:
        """Whether a page is one of the few that are found again."""
        return self.pages.get(page.root, {}).get(page.scheme, {}).get(page.method) is page

    def _each_page(self) -> Iterator[Page]:
        for schemes in self.pages.values():
            for methods in schemes.values():
                yield from methods.values()

    def _forget(self) -> None:
        """Routes have changed: what was learned about endpoints may be wrong."""
        for page in self._each_page():
            for book in page.books.values():
                book.lines.clear()
            page.books.clear()
            page.usual.clear()
        self._shared.clear()

    def book(self, scope: Scope, status: int, page: Page) -> Book:
        """The book of a request that has been routed."""
        endpoint = scope.get("endpoint")
        if type(endpoint) in HASHED_BY_IDENTITY and endpoint in page.books:
            return page.books[endpoint]
        handlers.learn(scope)
        route = chosen(scope)
        key = (id(route), scope.get("root_path"), page)
        if route is not None and key in self._shared:
            return self._shared[key][0]
        book = self._named(page, self.labels.route(scope, status), root_of(scope))
        if type(endpoint) in HASHED_BY_IDENTITY and self.labels.table.sure(endpoint) is not None:
            page.books[endpoint] = book
        elif route is not None and book.route != UNKNOWN:
            if len(self._shared) >= MOST_SHARED:
                self._shared.clear()
            self._shared[key] = (book, route)
        return book

    def _named(self, page: Page, route: str, root: str) -> Book:
        name = (page.method, route, page.scheme)
        book = self._books.get(name)
        if book is None:
            threshold = self.labels.threshold(page.method, route.removeprefix(root))
            book = Book(*name, round(threshold * NANOSECONDS))
            if len(self._books) < 2 * self.settings.max_series:
                self._books[name] = book
        return book

    def line(self, scope: Scope, status: int, page: Page) -> Line:
        """The line of a whole response; its page finds it first the next time, if it may."""
        endpoint = scope.get("endpoint")
        if type(endpoint) not in HASHED_BY_IDENTITY:
            endpoint = None
        line = page.usual.get(endpoint)
        if line is not None and line.status == status:
            return line
        book = self.book(scope, status, page)
        line = book.lines.get(status)
        if line is None:
            duration = self.duration(book, status, "")
            size = book.response_size or self.response_size(book)
            quick = -1 if self.tracing else min(self.bounds[0], book.slow_ns - 1)
            line = Line(book, status, duration, size, quick)
            if duration is book.durations.get(status) and size is book.response_size:
                book.lines[status] = line
        if line is book.lines.get(status) and book is page.books.get(endpoint):
            page.usual[endpoint] = line
        return line

    def duration(self, book: Book, status: int, error: str) -> SeriesCounter:
        """The duration series of a book for a status; 0 is a status that was never sent."""
        if not error and status in book.durations:
            return book.durations[status]
        sent = str(status) if status else ""
        kind = error or (sent if status >= SERVER_ERROR else "")
        tally, exact = self.tally(DURATION, (book.method, book.route, sent, kind, book.scheme))
        if exact and not error:
            book.durations[status] = tally
        return tally

    def request_size(self, book: Book) -> SeriesCounter:
        """The request size series of a book."""
        tally, exact = self.tally(REQUEST_SIZE, (book.method, book.route))
        if exact:
            book.request_size = tally
        return tally

    def response_size(self, book: Book) -> SeriesCounter:
        """The response size series of a book."""
        tally, exact = self.tally(RESPONSE_SIZE, (book.method, book.route))
        if exact:
            book.response_size = tally
        return tally

    def tally(self, metric: Metric, labels: tuple[str, ...]) -> tuple[SeriesCounter, bool]:
        """A series, and whether it is exactly this one.

        Past the cap it is the one whose route is ``_OTHER``, and that is counted. Raises
        `StoreFull` when not even that has room.
        """
        try:
            return self.file.series(metric, labels), True
        except StoreFull:
            self.file.count(OVERFLOW)
            at = metric.labels.index(ROUTE)
            other = (*labels[:at], OTHER, *labels[at + 1 :])
            return self.file.series(metric, other, uncapped=True), False

    def observe(self, metric: Metric, labels: tuple[str, ...], value: int) -> None:
        """Add one observation (nanoseconds or bytes) to a histogram, off the hot path."""
        tally, _ = self.tally(metric, labels)
        bounds = boundaries(metric.scale, self.file.bounds)
        self.add(tally, bisect_left(bounds, value / metric.divisor) + 1, value)

    def place(self, ns: int) -> int:
        """The place of a duration among a series' values, of which the first is the sum."""
        return bisect_left(self.bounds, ns) + 1

    def add(self, tally: SeriesCounter, place: int, value: int) -> None:
        """Add one observation to a bucket, and its value to the sum."""
        counts, words, at = tally.counts, self.file.words, tally.at
        counts[0] = words[at] = counts[0] + value
        counts[place] = words[at + place] = counts[place] + 1

    def increment(self, metric: Metric, labels: tuple[str, ...], amount: int = 1) -> SeriesCounter:
        """Add to a counter with a route."""
        tally, _ = self.tally(metric, labels)
        counts, words = tally.counts, self.file.words
        counts[0] = words[tally.at] = counts[0] + amount
        return tally

    def slow(self, book: Book, record: SlowRequest) -> None:
        """Count, remember and log one slow request."""
        tally = self.increment(SLOW, (book.method, book.route))
        span = tracing.current()
        if span is not None:
            self.file.set_exemplar(tally, 0, *span, 1.0)
        self.file.add_slow_request(record)
        self.slow_log.write(record)

    def fault(self, where: str) -> None:
        """Something of ours went wrong: count it, log it once a minute, and go on."""
        self.heartbeat.faults.note(where)
