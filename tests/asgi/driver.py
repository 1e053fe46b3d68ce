"""A small ASGI server for tests: every message in and out is under the test's control."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from starlette.types import ASGIApp, Message, Scope

from sidelight import SidelightMiddleware

Headers = Mapping[str, str]
LINE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: # .*)?")
PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')
UNESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
DURATION = "http_server_request_duration_seconds"


@dataclass
class Answer:
    """What an application sent, and the exception that left it."""

    sent: list[Message] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def start(self) -> Message:
        return next(m for m in self.sent if m["type"].endswith("response.start"))

    @property
    def status(self) -> int:
        return int(self.start["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in self.start["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.sent if m["type"].endswith(".body"))

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def page(self) -> "Page":
        assert self.error is None, self.error
        assert self.status == 200, self.text
        return Page(self.text)


class Page:
    """A metrics page, read by as few rules as the text format has."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for line in text.split("\n"):
            if not line or line.startswith("#"):
                continue
            found = LINE.fullmatch(line)
            assert found, line
            name, inner, value = found.groups()
            pairs = PAIR.findall(inner or "")
            assert len({key for key, _ in pairs}) == len(pairs), f"a label name twice: {line}"
            labels = frozenset((key, _unescaped(text)) for key, text in pairs)
            assert (name, labels) not in self.samples, f"a series twice: {line}"
            self.samples[name, labels] = float(value)

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.samples}

    @property
    def families(self) -> dict[str, str]:
        """Kinds by family name."""
        lines = [line.split(" ") for line in self.text.split("\n") if line.startswith("# TYPE ")]
        assert len({line[2] for line in lines}) == len(lines), "a family twice"
        return {line[2]: line[3] for line in lines}

    def series(self, name: str, **labels: str) -> list[dict[str, str]]:
        """Label sets of a sample name that have these labels."""
        wanted = labels.items()
        return [dict(found) for n, found in self.samples if n == name and wanted <= set(found)]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples that have these labels."""
        wanted = set(labels.items())
        return sum(v for (n, found), v in self.samples.items() if n == name and wanted <= found)

    def by(self, name: str, *labels: str) -> dict[Any, float]:
        """Values above zero by the values of some labels (a bare value for one label)."""
        totals: dict[Any, float] = {}
        for (found_name, pairs), value in self.samples.items():
            if found_name == name and value:
                found = dict(pairs)
                key = tuple(found[label] for label in labels)
                totals[key if len(key) > 1 else key[0]] = (
                    totals.get(key if len(key) > 1 else key[0], 0) + value
                )
        return totals

    @property
    def requests(self) -> dict[tuple[str, str, str, str], float]:
        """Requests counted, by method, route, status and error type; zeros are left out."""
        return self.by(
            f"{DURATION}_count",
            "http_request_method",
            "http_route",
            "http_response_status_code",
            "error_type",
        )

    @property
    def routes(self) -> dict[str, float]:
        """Requests counted, by route."""
        return self.by(f"{DURATION}_count", "http_route")


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda match: UNESCAPED.get(match[0], match[0]), text)


def http_scope(
    method: str, path: str, headers: Headers | None = None, more: Scope | None = None
) -> Scope:
    """The scope a server makes of a request line; ``...`` as a value leaves a key out."""
    plain, _, query = path.partition("?")
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": plain,
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": _raw({"host": "test", **(headers or {})}),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    scope.update(more or {})
    return {key: value for key, value in scope.items() if value is not ...}


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]


class Server:
    """Both ends of one exchange.

    After ``incoming`` the client waits for the response, and then goes. ``watch`` sees every
    message the application sends, and may raise as a server would.
    """

    def __init__(
        self, incoming: Iterable[Message], watch: Callable[[Message], None] | None = None
    ) -> None:
        self.answer = Answer()
        self.complete = anyio.Event()
        self._incoming = list(incoming)
        self._watch = watch
        self._trailers = False

    async def receive(self) -> Message:
        if self._incoming:
            return self._incoming.pop(0)
        await self.complete.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._watch:
            self._watch(message)
        self.answer.sent.append(message)
        kind = message["type"]
        if kind == "http.response.start":
            self._trailers = message.get("trailers", False)
        last = kind == "http.response.body" and not self._trailers
        if (last and not message.get("more_body")) or kind.endswith((".trailers", ".pathsend")):
            self.complete.set()


async def ask(  # noqa: PLR0913 a request has many parts
    app: ASGIApp,
    method: str = "GET",
    path: str = "/",
    *,
    headers: Headers | None = None,
    body: bytes | None = None,
    incoming: Iterable[Message] | None = None,
    watch: Callable[[Message], None] | None = None,
    scope: Scope | None = None,
) -> Answer:
    """One request. Whatever leaves the application is in the answer, never raised."""
    if incoming is None:
        incoming = [{"type": "http.request", "body": body or b"", "more_body": False}]
    headers = {**({} if body is None else {"content-length": str(len(body))}), **(headers or {})}
    server = Server(incoming, watch)
    try:
        await app(http_scope(method, path, headers, scope), server.receive, server.send)
    except BaseException as error:  # noqa: BLE001 the test looks at it
        server.answer.error = error
    return server.answer


def call(app: ASGIApp, method: str = "GET", path: str = "/", **more: Any) -> Answer:
    """`ask` on an event loop of its own."""
    return asyncio.run(ask(app, method, path, **more))


def scrape(app: ASGIApp, **more: Any) -> Page:
    """The metrics page."""
    return call(app, "GET", "/metrics", **more).page


def run(steps: Awaitable[Any]) -> Any:
    """Run a test's coroutine."""

    async def body() -> Any:
        return await steps

    return asyncio.run(body())


async def connect(
    app: ASGIApp, path: str, incoming: Iterable[Message], scope: Scope | None = None
) -> tuple[list[Message], BaseException | None]:
    """One WebSocket connection: what the application sent, and what left it."""
    more = {"scheme": "ws", "type": "websocket", "method": ..., "subprotocols": [], **(scope or {})}
    waiting = [{"type": "websocket.connect"}, *incoming]
    sent: list[Message] = []

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await app(http_scope("GET", path, None, more), receive, send)
    except BaseException as error:  # noqa: BLE001 the test looks at it
        return sent, error
    return sent, None


async def lifespan(
    app: ASGIApp, during: Callable[[], Awaitable[Any]] | None = None
) -> list[Message]:
    """Start, do something, stop; what the application said."""
    sent: list[Message] = []
    told = asyncio.Event()
    incoming: asyncio.Queue[Message] = asyncio.Queue()

    async def send(message: Message) -> None:
        sent.append(message)
        told.set()

    task = asyncio.ensure_future(
        app({"type": "lifespan", "asgi": {}, "state": {}}, incoming.get, send)
    )
    incoming.put_nowait({"type": "lifespan.startup"})
    await asyncio.wait([task, asyncio.ensure_future(told.wait())], return_when="FIRST_COMPLETED")
    if during and sent and sent[0]["type"] == "lifespan.startup.complete":
        await during()
    incoming.put_nowait({"type": "lifespan.shutdown"})
    told.set()
    await task
    return sent


def middleware_of(app: Any) -> SidelightMiddleware:
    """What measures an application that was asked for something."""
    found = app.middleware_stack
    while not isinstance(found, SidelightMiddleware):
        found = found.app
    return found
