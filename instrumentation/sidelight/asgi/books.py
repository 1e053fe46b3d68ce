"""What a request is looked up in: a page for what came in, a book for what it led to."""

import mmap

from starlette.types import Scope

from sidelight.asgi.labels import method_of, scheme_of
from sidelight.store.layout import ROW_TEXT
from sidelight.store.route_table import WEBSOCKET
from sidelight.store.writer import Row, Tally, WorkerFile


class Book:
    """One method of one route: its labels, and the series it has used."""

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


class Page:
    """Requests with one ``root_path``, scheme and method: books by the id of an endpoint.

    ``text`` makes a row's text from a raw path; the rest is the file's, one step nearer.
    """

    __slots__ = ("books", "memory", "method", "rows", "scheme", "text", "words")

    def __init__(self, scope: Scope, file: WorkerFile) -> None:
        self.method = WEBSOCKET if scope["type"] == "websocket" else method_of(scope)
        self.scheme = scheme_of(scope)
        start = f"{self.scheme} {self.method} ".encode()
        room = ROW_TEXT - len(start)
        self.text = start + b"%%-%d.%db" % (room, room)
        self.books: dict[int, Book] = {}
        self.renew(file)

    words: memoryview
    memory: mmap.mmap
    rows: list[Row]

    def renew(self, file: WorkerFile) -> None:
        """The file is another one now, or new to this page."""
        self.words, self.memory, self.rows = file.words, file.memory, file.rows
