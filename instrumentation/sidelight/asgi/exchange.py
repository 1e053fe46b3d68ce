"""One HTTP exchange, from our ``__call__`` to the last message of its response.

This is the request path: each line below is paid for by every request. What an attribute
lookup, a call or a store in shared memory costs here is in benchmarks/RESULTS.md.
"""

import asyncio
from bisect import bisect_left
from time import monotonic_ns
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from sidelight.asgi import tracing
from sidelight.asgi.recorder import Book, Page, Recorder
from sidelight.contract import (
    CLIENT_DISCONNECTED,
    INCOMPLETE_RESPONSE,
    METHODS,
    METRICS,
    NANOSECONDS,
    OTHER,
    SIZE_BUCKETS,
)
from sidelight.store.route_table import WEBSOCKET
from sidelight.store.writer import Tally

BACKGROUND = METRICS["fastapi_background_seconds"]
DISCONNECTS = METRICS["fastapi_client_disconnects_total"]
EXCEPTIONS = METRICS["fastapi_exceptions_total"]
RESPONSE_START = METRICS["fastapi_response_start_seconds"]

NOTICEABLE = 10_000_000
"""Nanoseconds: less than this between two moments of an exchange is the loop at its work."""
SIZES = [int(bound) for bound in SIZE_BUCKETS]
SMALL = SIZES[0]
SIZE_SUM = len(SIZES) + 1

_TEXT = {
    scheme: {method: f"{scheme} {method} ".encode() for method in METHODS}
    for scheme in ("http", "https")
}


class Exchange:
    """What is known of one request until its response is complete."""

    __slots__ = (
        "_receive",
        "_send",
        "body",
        "chunks",
        "done",
        "ended",
        "first",
        "gone",
        "page",
        "recorder",
        "row",
        "scope",
        "size",
        "start",
        "status",
        "trailers",
    )

    def __init__(
        self, recorder: Recorder, page: Page, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.recorder = recorder
        self.page = page
        self.scope = scope
        self._receive = receive
        self._send = send
        self.status = self.size = self.first = self.chunks = self.body = 0
        self.done = self.gone = self.trailers = False
        try:
            text = _TEXT[scope["scheme"]][scope["method"]] + scope["raw_path"]
        except KeyError:
            text = row_text(scope, scope["method"])
        start = self.start = monotonic_ns()
        self.row = recorder.file.enter(start, text)
        if start > recorder.heartbeat.due:
            recorder.heartbeat.wake()

    def send(self, message: Message) -> Any:
        """Look at a message on its way to the server; what it returns is the server's own."""
        try:
            kind = message["type"]
            if kind == "http.response.body":
                body = message.get("body")
                if body:
                    self.size += len(body)
                if message.get("more_body"):
                    if body:
                        self._chunk()
                elif self.status and not self.done and not self.trailers:
                    self._finish()
            elif kind == "http.response.start":
                self.status = message["status"]
                if "trailers" in message:
                    self.trailers = message["trailers"]
            elif not self.done:
                self._unusual(message)
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.recorder.fault("send")
        return self._send(message)

    async def receive(self) -> Message:
        """Look at a message on its way to the application."""
        message = await self._receive()
        try:
            if message["type"] == "http.request":
                self.body += len(message.get("body", b""))
            elif not self.done:
                self.gone = True
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.recorder.fault("receive")
        return message

    def _chunk(self) -> None:
        """A piece of a body that goes on."""
        self.chunks += 1
        if not self.first:
            self.first = monotonic_ns() - self.start

    def _unusual(self, message: Message) -> None:
        """A response that ends with trailers, or a file that the server sends itself."""
        kind = message["type"]
        if kind == "http.response.pathsend" or (
            kind == "http.response.trailers" and not message.get("more_trailers")
        ):
            self._finish()

    def _finish(self) -> None:
        """Record a complete response."""
        ended = self.ended = monotonic_ns()
        ns = ended - self.start
        recorder = self.recorder
        scope = self.scope
        status = self.status
        try:
            book = self.page[id(scope["endpoint"])][scope["method"]]
            duration = book.durations[status]
            sizes = book.response_size or recorder.response_size(book)
        except KeyError:
            book = recorder.book(scope, status, self.page)
            duration = recorder.duration(book, status, "")
            sizes = recorder.response_size(book)
        words = recorder.file.words
        place = 0 if ns <= recorder.first_bound else bisect_left(recorder.bounds, ns)
        size = self.size
        size_place = 0 if size <= SMALL else bisect_left(SIZES, size)
        # No call from here to the row: that is what makes these sums exact without a lock.
        counts, at, last = duration.counts, duration.at, recorder.sum_at
        counts[place] = words[at + place] = counts[place] + 1
        counts[last] = words[at + last] = counts[last] + ns
        counts, at = sizes.counts, sizes.at
        counts[size_place] = words[at + size_place] = counts[size_place] + 1
        counts[SIZE_SUM] = words[at + SIZE_SUM] = counts[SIZE_SUM] + size
        self._leave()
        if ns >= book.slow_ns or self.first or self.body or recorder.tracing:
            self._details(book, duration, place, ns)

    def _leave(self) -> None:
        """Give the row back."""
        self.done = True
        self.recorder.file.leave(self.row)

    def _details(self, book: Book, duration: Tally, place: int, ns: int) -> None:
        """What only some responses have: a stream, a request body, slowness, a trace."""
        recorder = self.recorder
        labels = (book.method, book.route)
        if self.body:
            sizes = book.request_size or recorder.request_size(book)
            recorder.add(sizes, bisect_left(SIZES, self.body), self.body)
        if self.first and (self.chunks > 1 or ns - self.first > NOTICEABLE):
            recorder.observe(RESPONSE_START, labels, self.first)
        if ns >= book.slow_ns:
            recorder.slow(book, self._facts(book, ns))
        if recorder.tracing:
            span = tracing.current()
            if span is not None:
                recorder.file.exemplar(duration, place, *span, ns / NANOSECONDS)

    def _facts(self, book: Book, ns: int) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "route": book.route,
            "method": book.method,
            "status": self.status or None,
            "seconds": ns / NANOSECONDS,
            "first_byte": (self.first or ns) / NANOSECONDS,
        }
        if self.recorder.settings.slow_path:
            facts["path"] = self.scope["path"]
        return facts

    def end(self, error: BaseException | None) -> None:
        """The application returned, or raised; the response may be complete or not."""
        try:
            if error is not None and not self._left(error):
                self._exception(error)
            if not self.done:
                self._unfinished(error)
            elif (after := monotonic_ns() - self.ended) >= NOTICEABLE:
                book = self.recorder.book(self.scope, self.status, self.page)
                self.recorder.observe(BACKGROUND, (book.route,), after)
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            self.recorder.fault("end")

    def _left(self, error: BaseException) -> bool:
        return self.gone or isinstance(error, asyncio.CancelledError)

    def _exception(self, error: BaseException) -> None:
        book = self.recorder.book(self.scope, self.status, self.page)
        name = self.recorder.class_name(error)
        self.recorder.increment(EXCEPTIONS, (book.route, name))

    def _unfinished(self, error: BaseException | None) -> None:
        """Record an exchange whose last message never came."""
        ns = monotonic_ns() - self.start
        recorder = self.recorder
        status = self.status
        kind = INCOMPLETE_RESPONSE if status else ""
        if self.gone or (error is not None and self._left(error)):
            kind = CLIENT_DISCONNECTED
        elif not status:
            status = 500  # what the server answers for us
        book = recorder.book(self.scope, status, self.page)
        duration = recorder.duration(book, status, kind)
        self._leave()
        recorder.add(duration, recorder.place(ns), ns)
        if kind == CLIENT_DISCONNECTED:
            recorder.increment(DISCONNECTS, (book.method, book.route))
        self._details(book, duration, recorder.place(ns), ns)


def row_text(scope: Scope, method: str) -> bytes:
    """A row's text where scheme, method or raw path are not the usual."""
    path = scope.get("raw_path") or scope["path"].encode()
    known = method if method in METHODS or method == WEBSOCKET else OTHER
    return f"{scope.get('scheme', 'http')} {known} ".encode() + bytes(path)
