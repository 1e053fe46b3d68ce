"""What a request is looked up in: a page for what came in, a book for what it led to."""

from types import FunctionType, MethodType
from typing import TYPE_CHECKING

from starlette.types import Scope

from sidelight.asgi.labels import method_of, scheme_of
from sidelight.store.inflight import InflightSlot
from sidelight.store.layout import pack_method_scheme
from sidelight.store.route_table import WEBSOCKET
from sidelight.store.writer import SeriesCounter

if TYPE_CHECKING:
    from sidelight.asgi.recorder import Recorder

HASHED_BY_IDENTITY = frozenset({FunctionType, MethodType, type})
"""Endpoints of these types can be looked up; another may have a hash or an ``==`` of its own."""


class Book:
    """One method of one route: its labels, and the series it has used."""

    __slots__ = (
        "durations",
        "lines",
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
        self.durations: dict[int, SeriesCounter] = {}
        self.lines: dict[int, Line] = {}
        """By status."""
        self.request_size: SeriesCounter | None = None
        self.response_size: SeriesCounter | None = None


class Line:
    """Where a whole response with one status of a book is counted: durations and sizes.

    Up to ``quick`` nanoseconds it belongs in the first bucket, and there is nothing to tell of
    it but its duration and size.
    """

    __slots__ = (
        "at",
        "book",
        "duration",
        "durations",
        "quick",
        "size",
        "size_at",
        "sizes",
        "status",
    )

    def __init__(
        self, book: Book, status: int, duration: SeriesCounter, size: SeriesCounter, quick: int
    ) -> None:
        self.book = book
        self.status = status
        self.duration = duration
        self.durations, self.at = duration.counts, duration.at
        self.size = size
        self.sizes, self.size_at = size.counts, size.at
        self.quick = quick


class Page:
    """Requests with one ``root_path``, scheme and method.

    ``books`` are by endpoint; ``usual`` has for each the line of the status it had last.
    ``asked`` is what a row says of them. ``own`` is the path that is answered by ourselves, and
    ``careful`` whether others are not measured. The recorder, the file's ``words`` and
    ``rows`` and the heartbeat's ``due`` are here too, one step nearer. ``unsampled`` says how
    many requests from now the next one's phases are looked at; never, if it is below zero.
    """

    __slots__ = (
        "asked",
        "books",
        "careful",
        "due",
        "method",
        "own",
        "recorder",
        "root",
        "rows",
        "scheme",
        "unsampled",
        "usual",
        "words",
    )

    def __init__(self, scope: Scope, recorder: "Recorder") -> None:
        self.method = WEBSOCKET if scope["type"] == "websocket" else method_of(scope)
        self.scheme = scheme_of(scope)
        self.root: str = scope.get("root_path", "")
        self.asked = pack_method_scheme(self.scheme, self.method)
        self.own = ""
        self.careful = True
        self.books: dict[object, Book] = {}
        self.usual: dict[object, Line] = {}
        self.recorder = recorder
        self.unsampled = recorder.sampler.gap()
        self.renew()

    due: int
    words: memoryview
    rows: list[InflightSlot]

    def __deepcopy__(self, _: object) -> "Page":
        """A copy of a scope is still of the same request."""
        return self

    def renew(self) -> None:
        """The file and the time of the next beat may be others now."""
        file = self.recorder.file
        self.words, self.rows = file.words, file.free_slots
        self.due = self.recorder.heartbeat.due
