"""A metrics page as an answer to a request, made without holding the event loop."""

import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TypeVar

from anyio.lowlevel import checkpoint
from starlette.datastructures import Headers
from starlette.responses import Response

from sidelight.export.negotiation import accepts_gzip, wanted_format
from sidelight.export.prometheus import render
from sidelight.export.snapshot import Snapshot

T = TypeVar("T")

SLICE = 0.001
"""Seconds of work between two turns of the event loop."""
GZIP_LEVEL = 1


async def page(headers: Headers, shot: Callable[[], Awaitable[Snapshot]]) -> Response:
    """The snapshot in the format and coding that the client prefers."""
    form = wanted_format(headers.get("accept", ""))
    answer = {"content-type": form.value, "vary": "Accept, Accept-Encoding"}
    pieces = in_turns(render(await shot(), form))
    if accepts_gzip(headers.get("accept-encoding", "")):
        answer["content-encoding"] = "gzip"
        pieces = _compressed(pieces)
    body = b"".join([piece async for piece in pieces])
    return Response(body, headers=answer)


async def driven(steps: Generator[None, None, T]) -> T:
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


async def in_turns(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, with a turn of the event loop after every slice of time."""
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
