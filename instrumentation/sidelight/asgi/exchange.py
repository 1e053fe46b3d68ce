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
from sidelight.store.layout import SCRATCH
from sidelight.store.slow import Slow
from sidelight.store.writer import Row, Tally

BACKGROUND = METRICS["fastapi_background_seconds"]
DISCONNECTS = METRICS["fastapi_client_disconnects_total"]
EXCEPTIONS = METRICS["fastapi_exceptions_total"]
RESPONSE_START = METRICS["fastapi_response_start_seconds"]

NOTICEABLE = 10_000_000
"""Nanoseconds: less than this between two moments of an exchange is the loop at its work."""
SIZES = [int(bound) for bound in SIZE_BUCKETS]
SMALL = SIZES[0]
AWAITS_TRAILERS = -1


class Extra:
    """What only some exchanges have: bodies in pieces, request bodies, a client that left."""

    __slots__ = ("body", "chunks", "first", "gone", "phases", "size")

    def __init__(self) -> None:
        self.body = self.chunks = self.first = self.size = 0
        self.gone = False
        self.phases: Phases | None = None


class Exchange:
    """What is known of one request until its response is complete.

    Made by `begin`, which sets every attribute: that is cheaper than a constructor.
    ``ended`` is 0 or ``AWAITS_TRAILERS`` until the exchange is recorded.
    """

    __slots__ = (
        "ask",
        "ended",
        "extra",
        "page",
        "pass_on",
        "recorder",
        "row",
        "scope",
        "start",
        "status",
    )
    ask: Receive
    ended: int
    extra: Extra | None
    page: Page
    pass_on: Send
    recorder: Recorder
    row: Row
    scope: Scope
    start: int
    status: int

    def send(self, message: Message) -> Any:
        """Look at a message on its way to the server; what it returns is the server's own."""
        try:
            kind = message["type"]
            if kind == "http.response.start":
                self.status = message["status"]
                if message.get("trailers"):
                    self.ended = AWAITS_TRAILERS
            elif kind != "http.response.body" or "more_body" in message or self.ended:
                self._unusual(kind, message)
            else:
                self._finish(len(message["body"]) if "body" in message else 0)
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.recorder.fault("send")
        return self.pass_on(message)

    async def receive(self) -> Message:
        """Look at a message on its way to the application."""
        message = await self.ask()
        try:
            if message["type"] == "http.disconnect":
                if self.ended <= 0:
                    self._extra().gone = True
            elif message.get("body"):
                self._extra().body += len(message["body"])
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.recorder.fault("receive")
        return message

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
        if self.ended > 0:
            return
        extra = self._extra()
        if kind == "http.response.body":
            size = len(message.get("body", b""))
            extra.size += size
            extra.chunks += 1 if size else 0
            if not message.get("more_body"):
                if not self.ended:
                    self._finish(0)
            elif size and not extra.first:
                extra.first = monotonic_ns() - self.start
        elif (
            kind == "http.response.pathsend"
            or (kind == "http.response.zerocopysend" and not message.get("more_body"))
            or (kind == "http.response.trailers" and not message.get("more_trailers"))
        ):
            self._finish(0)

    def _finish(self, size: int) -> None:
        """Record a complete response, whose last piece has ``size`` bytes if it is the only."""
        ended = monotonic_ns()
        page = self.page
        status = self.status
        try:
            book = page.books[id(self.scope["endpoint"])]
            duration = book.durations[status]
            sizes = book.response_size or self.recorder.response_size(book)
        except KeyError:
            if not status:  # a body that nothing began: the server will object
                return
            book = self.recorder.book(self.scope, status, page)
            duration = self.recorder.duration(book, status, "")
            sizes = self.recorder.response_size(book)
        ns = ended - self.start
        extra = self.extra
        if extra is not None:
            if extra.gone:  # nobody is there to read it
                return
            size += extra.size
        place = 1 if ns <= self.recorder.first_bound else self.recorder.place(ns)
        size_place = 1 if size <= SMALL else size_bucket(size)
        words = page.words
        row = self.row
        # No call until the row is free: that makes these sums exact without a lock.
        counts, at = duration.counts, duration.at
        counts[0] = words[at] = counts[0] + ns
        counts[place] = words[at + place] = counts[place] + 1
        counts, at = sizes.counts, sizes.at
        counts[0] = words[at] = counts[0] + size
        counts[size_place] = words[at + size_place] = counts[size_place] + 1
        words[row[0]] = 0
        self.ended = ended
        if row[0] == SCRATCH:
            self.recorder.file.leave(row)
        else:
            page.rows.append(row)
        if ns >= book.slow_ns or extra is not None or self.recorder.tracing:
            self._details(book, duration, place, ns)

    def _details(self, book: Book, duration: Tally, place: int, ns: int) -> None:
        """What only some responses have: a stream, a request body, slowness, a trace."""
        recorder, extra = self.recorder, self.extra
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
                recorder.file.exemplar(duration, place - 1, *span, ns / NANOSECONDS)

    def _slow(self, book: Book, ns: int) -> Slow:
        """All that is known of a slow request."""
        span = tracing.current()
        blocked, waiting = self.recorder.heartbeat.met(self.start, self.start + ns)
        return Slow(
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
            path=self.scope["path"] if self.recorder.settings.slow_path else "",
        )

    def end(self, error: BaseException | None) -> None:
        """The application returned late, or raised, or left its response unfinished."""
        try:
            gone = self.extra is not None and self.extra.gone
            left = gone or isinstance(error, (asyncio.CancelledError, ClientDisconnect))
            if self.ended <= 0:
                self._unfinished(left=left)
            elif (after := monotonic_ns() - self.ended) >= NOTICEABLE:
                book = self.recorder.book(self.scope, self.status, self.page)
                self.recorder.observe(BACKGROUND, (book.route,), after)
            if error is not None and not left:
                self._exception(error)
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.recorder.fault("end")
        finally:
            if self.ended <= 0:
                self.ended = monotonic_ns()
                self.recorder.file.leave(self.row)

    def _exception(self, error: BaseException) -> None:
        book = self.recorder.book(self.scope, self.status, self.page)
        name = self.recorder.class_names(type(error).__name__)
        self.recorder.increment(EXCEPTIONS, (book.route, name))
        self.recorder.validation.escaped(self.scope, error)

    def _unfinished(self, *, left: bool) -> None:
        """Record an exchange whose last message never came."""
        ns = monotonic_ns() - self.start
        recorder = self.recorder
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


def begin(recorder: Recorder, page: Page, scope: Scope, receive: Receive, send: Send) -> Exchange:
    """Start the clock of a request, and show it among those in flight."""
    exchange = Exchange()
    exchange.recorder = recorder
    exchange.page = page
    exchange.scope = scope
    exchange.ask = receive
    exchange.pass_on = send
    exchange.status = exchange.ended = 0
    exchange.extra = None
    exchange.row = row = page.rows.pop() if page.rows else recorder.file.without_row()
    try:
        try:
            page.memory[row[1]] = page.text % scope["raw_path"]
        except (KeyError, TypeError):
            page.memory[row[1]] = page.text % scope["path"].encode(errors="replace")
        exchange.start = start = page.words[row[0]] = monotonic_ns()
        if start > recorder.heartbeat.due:
            recorder.wake()
    except Exception:
        recorder.file.leave(row)
        raise
    return exchange
