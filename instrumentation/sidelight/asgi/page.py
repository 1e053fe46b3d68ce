"""``GET /metrics``: who may read it, and how it is made without holding the event loop."""

import hmac
import logging
import time
import zlib
from collections.abc import AsyncIterator, Generator, Iterator
from typing import TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import checkpoint
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from sidelight.asgi.recorder import Recorder
from sidelight.contract import METRICS
from sidelight.export import about
from sidelight.export.negotiation import accepts_gzip, wanted_format
from sidelight.export.prometheus import Format, header, labels, render
from sidelight.export.snapshot import Collector, Key, Snapshot
from sidelight.runtime import process
from sidelight.runtime.registry import mark_scraped, registry
from sidelight.store.fold import fold

logger = logging.getLogger("sidelight")
T = TypeVar("T")

SLICE = 0.001
"""Seconds of work between two turns of the event loop."""
GZIP_LEVEL = 1
INTERNAL_ERRORS = METRICS["sidelight_internal_errors_total"]


class MetricsPage:
    """The page of one application in this process."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._store = recorder.store
        self._collector = Collector(recorder.store)
        self._lock = anyio.Lock()

    async def answer(self, scope: Scope) -> Response:
        """The answer to GET or HEAD. Raises whatever goes wrong."""
        headers = Headers(scope=scope)
        form = wanted_format(headers.get("accept", ""))
        pieces = self._pieces(form)
        answer = {"content-type": form.value, "vary": "Accept, Accept-Encoding"}
        if accepts_gzip(headers.get("accept-encoding", "")):
            answer["content-encoding"] = "gzip"
            pieces = _compressed(pieces)
        body = b"".join([piece async for piece in pieces])
        return Response(body, headers=answer)

    async def _pieces(self, form: Format) -> AsyncIterator[bytes]:
        began = time.perf_counter_ns()
        async with self._lock:
            shot = await self._shot()
        shot.sums[self._key("sidelight_scrape_duration_seconds")] = (
            time.perf_counter_ns() - began,
        )
        async for piece in _in_turns(render(shot, form)):
            yield piece

    async def _shot(self) -> Snapshot:
        store = self._store
        own = await self._own()
        self._recorder.heartbeat.mend()
        process.publish(store.file)
        if store.directory is not None:
            try:
                mark_scraped(store)
                await _driven(fold(store.directory, store.known, store.skip))
            except OSError:
                self._recorder.fault("fold")
        shot = await _driven(self._collector.collect(own))
        for name, found in (
            ("target_info", about.target_labels(self._recorder.settings, store)),
            ("sidelight_build_info", about.build_labels()),
        ):
            shot.sums[self._key(name, found)] = (1,)
        return shot

    def _key(self, name: str, found: tuple[str, ...] = ("",)) -> Key:
        return self._collector.key(name, found)

    async def _own(self) -> bytes:
        """The application's own registry, as it is now; the last look at it if that fails."""
        snapshots = self._recorder.heartbeat.snapshots
        if registry() is None:
            return b""
        try:
            if snapshots.quick:
                return snapshots.take()
            return await anyio.to_thread.run_sync(snapshots.take)
        except Exception:  # noqa: BLE001 a collector of the application's may raise anything
            self._recorder.fault("registry")
            return snapshots.latest


async def _driven(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end, with a turn of the event loop after every slice of time."""
    until = time.perf_counter() + SLICE
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            value: T = stop.value
            return value
        if time.perf_counter() >= until:
            await checkpoint()
            until = time.perf_counter() + SLICE


async def _in_turns(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    until = time.perf_counter() + SLICE
    for piece in pieces:
        yield piece
        if time.perf_counter() >= until:
            await checkpoint()
            until = time.perf_counter() + SLICE


async def _compressed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    async for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def refused(token: str | None, scope: Scope) -> Response | None:
    """What a client without the right token gets."""
    if token is None:
        return None
    given = Headers(scope=scope).get("authorization", "")
    kind, _, value = given.partition(" ")
    if kind.lower() == "bearer" and hmac.compare_digest(value.strip().encode(), token.encode()):
        return None
    return PlainTextResponse(
        "a bearer token is needed\n", 401, headers={"www-authenticate": "Bearer"}
    )


def unmeasured(where: str, scope: Scope) -> Response:
    """The page of a process that has no store: it says so, and why."""
    form = wanted_format(Headers(scope=scope).get("accept", ""))
    page = header(INTERNAL_ERRORS.name, "counter", INTERNAL_ERRORS.help, "", form).decode()
    page += f"{INTERNAL_ERRORS.name}{labels((('where', where),))} 1.0\n"
    page += "# EOF\n" if form is Format.OPENMETRICS else ""
    return Response(page, media_type=form.value)
