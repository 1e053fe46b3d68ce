"""One HTTP exchange, from our ``__call__`` to the last message of its response.

This is the request path: each line of `begin`, `Exchange.send` and the middleware's
``__call__`` is paid for by every request (benchmarks/RESULTS.md), which is why they call so
little and look so much up in one place.
"""

import asyncio
from bisect import bisect_left
from time import monotonic_ns, time
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from sidelight.asgi import tracing
from sidelight.asgi.books import Book, Page
from sidelight.asgi.phases import Phases, phases_of
from sidelight.asgi.recorder import Recorder
from sidelight.contract import (
    CLIENT_DISCONNECTED,
    INCOMPLETE_RESPONSE,
    METRICS,
    NANOSECONDS,
    SIZE_BUCKETS,
)
from sidelight.store.inflight import UNTRACKED, InflightSlot
from sidelight.store.slow_requests import SlowRequest
from sidelight.store.writer import SeriesCounter

BACKGROUND = METRICS["fastapi_background_task_duration_seconds"]
DISCONNECTS = METRICS["fastapi_client_disconnects_total"]
EXCEPTIONS = METRICS["fastapi_exceptions_total"]
RESPONSE_START = METRICS["fastapi_time_to_first_byte_seconds"]

NOTICEABLE = 10_000_000
"""Nanoseconds: less than this between two moments of an exchange is the loop at its work."""
SIZES = [int(bound) for bound in SIZE_BUCKETS]
SMALL = SIZES[0]


class Extra:
    """What only some exchanges have: bodies in pieces, request bodies, a client that left."""

    __slots__ = ("body", "chunks", "first", "gone", "phases", "size", "trailers")

    def __init__(self) -> None:
        self.body = self.chunks = self.first = self.size = 0
        self.gone = self.trailers = False
        self.phases: Phases | None = None


class Exchange:
    """What is known of one request until its response is complete.

    Whoever makes one sets every attribute: that is cheaper than a constructor. ``row`` is None
    once the exchange is recorded. ``since`` is when it began, and then when it was complete.
    """

    __slots__ = ("ask", "extra", "page", "pass_on", "row", "scope", "since", "status")
    ask: Receive
    extra: Extra | None
    page: Page
    pass_on: Send
    row: InflightSlot | None
    scope: Scope
    since: int
    status: int

    def send(self, message: Message) -> Any:
        """Look at a message on its way to the server; what it returns is the server's own."""
        try:
            kind = message["type"]
            if kind == "http.response.start":
                self.status = message["status"]
                if message.get("trailers"):
                    self._extra().trailers = True
            elif (
                kind != "http.response.body"
                or "more_body" in message
                or self.extra is not None
                or (row := self.row) is None
            ):
                self._unusual(kind, message)
            else:
                self._whole(row, len(message["body"]) if "body" in message else 0)
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.page.recorder.fault("send")
        return self.pass_on(message)

    def _whole(self, row: InflightSlot, size: int) -> None:
        """Record a response whose body came in one piece of ``size`` bytes."""
        now = monotonic_ns()
        page = self.page
        try:
            line = page.usual[self.scope["endpoint"]]
        except Exception:  # noqa: BLE001 a hash that is not Python's own may raise anything
            line = None
        ns = now - self.since
        if line is None or line.status != self.status or ns > line.quick:
            self._finish(size, now)
            return
        place = 1 if size <= SMALL else size_bucket(size)
        words = page.words
        # No call until the row is free: that makes these sums exact without a lock.
        counts, at = line.durations, line.at
        counts[0] = words[at] = counts[0] + ns
        counts[1] = words[at + 1] = counts[1] + 1
        counts, at = line.sizes, line.size_at
        counts[0] = words[at] = counts[0] + size
        counts[place] = words[at + place] = counts[place] + 1
        words[row.word] = 0
        self.row = None
        self.since = now
        page.rows.append(row)

    async def receive(self) -> Message:
        """Look at a message on its way to the application."""
        message = await self.ask()
        try:
            if message["type"] == "http.disconnect":
                if self.row is not None:
                    self._extra().gone = True
            elif message.get("body"):
                self._extra().body += len(message["body"])
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.page.recorder.fault("receive")
        return message

    @property
    def recorder(self) -> Recorder:
        """Where it is recorded."""
        return self.page.recorder

    def _extra(self) -> Extra:
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    def __deepcopy__(self, _: object) -> "Exchange":
        """A copy of a scope is still of the same exchange."""
        return self

    def listened(self, phases: Phases) -> None:
        """This request's phases are looked at."""
        self._extra().phases = phases

    def _unusual(self, kind: str, message: Message) -> None:
        """A body in pieces, a response that ends with trailers, a file the server sends."""
        if self.row is None:
            return
        extra = self._extra()
        if kind == "http.response.body":
            size = len(message.get("body", b""))
            extra.size += size
            extra.chunks += 1 if size else 0
            if not message.get("more_body"):
                if not extra.trailers:
                    self._finish(0, monotonic_ns())
            elif size and not extra.first:
                extra.first = monotonic_ns() - self.since
        elif (
            kind == "http.response.pathsend"
            or (kind == "http.response.zerocopysend" and not message.get("more_body"))
            or (kind == "http.response.trailers" and not message.get("more_trailers"))
        ):
            self._finish(0, monotonic_ns())

    def _finish(self, size: int, now: int) -> None:
        """Record a complete response, whose last piece has ``size`` bytes if it is the only."""
        if not self.status:  # a body that nothing began: the server will object
            return
        recorder, extra = self.page.recorder, self.extra
        if extra is not None:
            if extra.gone:  # nobody is there to read it
                return
            size += extra.size
        line = recorder.line(self.scope, self.status, self.page)
        ns = now - self.since
        place = recorder.place(ns)
        recorder.add(line.duration, place, ns)
        recorder.add(line.size, size_bucket(size), size)
        row, self.row, self.since = self.row, None, now
        if row is not None:
            recorder.file.release_slot(row)
        self._details(line.book, line.duration, place, ns)

    def _details(self, book: Book, duration: SeriesCounter, place: int, ns: int) -> None:
        """What only some responses have: a stream, a request body, slowness, a trace."""
        recorder, extra = self.page.recorder, self.extra
        labels = (book.method, book.route)
        if extra is not None:
            if extra.phases is not None:
                extra.phases.record(recorder, book.route)
            if extra.body:
                sizes = book.request_size or recorder.request_size(book)
                recorder.add(sizes, size_bucket(extra.body), extra.body)
            if extra.first and (extra.chunks > 1 or ns - extra.first > NOTICEABLE):
                recorder.observe(RESPONSE_START, labels, extra.first)
        if ns >= book.slow_ns:
            recorder.slow(book, self._slow(book, ns))
        if recorder.tracing:
            span = tracing.current()
            if span is not None:
                recorder.file.set_exemplar(duration, place - 1, *span, ns / NANOSECONDS)

    def _slow(self, book: Book, ns: int) -> SlowRequest:
        """All that is known of a slow request, which has just ended."""
        recorder, now = self.page.recorder, monotonic_ns()
        span = tracing.current()
        blocked, waiting = recorder.heartbeat.met(now - ns, now)
        return SlowRequest(
            when=time(),
            route=book.route,
            method=book.method,
            status=self.status,
            seconds=ns / NANOSECONDS,
            first_byte=((self.extra and self.extra.first) or ns) / NANOSECONDS,
            phases=phases_of(self.scope),
            loop_blocked=blocked,
            threads_waiting=waiting,
            trace_id=span[0].hex() if span else "",
            path=self.scope["path"] if recorder.settings.log_request_path else "",
        )

    def end(self, error: BaseException | None) -> None:
        """The application returned late, or raised, or left its response unfinished."""
        try:
            gone = self.extra is not None and self.extra.gone
            left = gone or isinstance(error, (asyncio.CancelledError, ClientDisconnect))
            if self.row is not None:
                self._unfinished(left=left)
            elif (after := monotonic_ns() - self.since) >= NOTICEABLE:
                book = self.page.recorder.book(self.scope, self.status, self.page)
                self.page.recorder.observe(BACKGROUND, (book.route,), after)
            if error is not None and not left:
                self._exception(error)
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.page.recorder.fault("end")
        finally:
            row, self.row = self.row, None
            if row is not None:
                self.page.recorder.file.release_slot(row)

    def _exception(self, error: BaseException) -> None:
        recorder = self.page.recorder
        book = recorder.book(self.scope, self.status, self.page)
        name = recorder.class_names(type(error).__name__)
        recorder.increment(EXCEPTIONS, (book.route, name))
        recorder.validation.escaped(self.scope, error)

    def _unfinished(self, *, left: bool) -> None:
        """Record an exchange whose last message never came."""
        ns = monotonic_ns() - self.since
        recorder = self.page.recorder
        kind = INCOMPLETE_RESPONSE if self.status else ""
        if left:
            kind = CLIENT_DISCONNECTED
        elif not self.status:
            self.status = 500  # what the server answers for us
        book = recorder.book(self.scope, self.status, self.page)
        duration = recorder.duration(book, self.status, kind)
        recorder.add(duration, recorder.place(ns), ns)
        if left:
            recorder.increment(DISCONNECTS, (book.method, book.route))
        self._details(book, duration, recorder.place(ns), ns)


def size_bucket(size: int) -> int:
    """The place of a size among a series' values, of which the first is the sum."""
    return bisect_left(SIZES, size) + 1


def begin(page: Page, scope: Scope, receive: Receive, send: Send) -> Exchange:
    """Start the clock of a request, and show it among those in flight.

    The middleware's ``__call__`` does the same for a request that has nothing unusual.
    """
    exchange = Exchange()
    exchange.page = page
    exchange.scope = scope
    exchange.ask = receive
    exchange.pass_on = send
    exchange.status = 0
    exchange.since = start = monotonic_ns()
    path = scope.get("raw_path")
    if not isinstance(path, bytes):
        path = scope["path"].encode(errors="replace")
    if start > page.recorder.heartbeat.due:
        page.recorder.wake()
    exchange.row = page.recorder.file.acquire_slot(page.asked, path, start)
    exchange.extra = Extra() if exchange.row is UNTRACKED else None
    return exchange
