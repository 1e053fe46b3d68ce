"""The metrics as an HTTP response, in the format that its request negotiates.

Content negotiation is that of RFC 9110, section 12.
"""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.datastructures import Headers
from starlette.responses import Response

from sidelight.cooperative import in_slices
from sidelight.export.prometheus import render
from sidelight.export.snapshot import Snapshot
from sidelight.text_format import ExpositionFormat

GZIP_LEVEL = 1


def wanted_format(accept: str) -> ExpositionFormat:
    """The format a client prefers. Text 0.0.4 where it names none, or none that is supported."""
    text = openmetrics = 0.0
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = _quality(parameters)
        version = dict(p.split("=", 1) for p in parameters if "=" in p).get("version", "")
        if media == "application/openmetrics-text" and version in {"", "1.0.0", "0.0.1"}:
            openmetrics = max(openmetrics, quality)
        elif media in {"text/plain", "text/*", "*/*"} and version in {"", "0.0.4"}:
            text = max(text, quality)
    return ExpositionFormat.OPENMETRICS if openmetrics > text else ExpositionFormat.TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a client accepts gzip."""
    found = {}
    for part in accept_encoding.split(","):
        coding, *parameters = (piece.strip().lower() for piece in part.split(";"))
        found[coding] = _quality(parameters)
    return found.get("gzip", found.get("*", 0.0)) > 0


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


async def metrics_response(
    headers: Headers, snapshot: Callable[[], Awaitable[Snapshot]]
) -> Response:
    """The snapshot in the format and content coding that the client prefers."""
    form = wanted_format(headers.get("accept", ""))
    answer = {"content-type": form.value, "vary": "Accept, Accept-Encoding"}
    pieces = in_slices(render(await snapshot(), form))
    if accepts_gzip(headers.get("accept-encoding", "")):
        answer["content-encoding"] = "gzip"
        pieces = _compressed(pieces)
    body = b"".join([piece async for piece in pieces])
    return Response(body, headers=answer)


async def _compressed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    async for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
