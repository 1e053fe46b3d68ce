"""The metrics as an HTTP response, in the format that its request negotiates.

Content negotiation is that of RFC 9110, section 12.
"""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import Response

from sidelight.cooperative import in_slices
from sidelight.export.prometheus import render
from sidelight.export.snapshot import Snapshot
from sidelight.text_format import Escaping, ExpositionFormat

GZIP_LEVEL = 1
_TEXT_TYPES = ("text/plain", "text/*", "*/*")
_SUPPORTED = {
    **{
        ("application/openmetrics-text", version): ExpositionFormat.OPENMETRICS
        for version in ("", "1.0.0", "0.0.1")
    },
    **{
        (media, version): ExpositionFormat.TEXT
        for media in _TEXT_TYPES
        for version in ("", "0.0.4", "1.0.0")
    },
}
"""Formats by media type and version."""
_ESCAPINGS = {escaping.value: escaping for escaping in Escaping}


class WantedFormat(NamedTuple):
    """A format, and how names are escaped in it: None where the client does not say."""

    form: ExpositionFormat
    escaping: Escaping | None = None

    @property
    def content_type(self) -> str:
        """The format in the words of the response."""
        return self.form.value + (f"; escaping={self.escaping.value}" if self.escaping else "")


def wanted_format(accept: str) -> WantedFormat:
    """The format a client prefers. Text 0.0.4 where it names none, or none that is supported.

    Text 1.0.0 differs from 0.0.4 only in that names may be quoted, which ``escaping`` says too.
    """
    best, wanted = 0.0, WantedFormat(ExpositionFormat.TEXT)
    for part in accept.split(","):
        media, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = _quality(parameters)
        pairs = (text.partition("=") for text in parameters)
        named = {key.strip(): value.strip(' "') for key, _, value in pairs}
        form = _SUPPORTED.get((media, named.get("version", "")))
        text_first = form is ExpositionFormat.TEXT and wanted.form is not form
        if form and (quality > best or (text_first and quality == best)):
            best, wanted = quality, WantedFormat(form, _ESCAPINGS.get(named.get("escaping", "")))
    return wanted


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
    wanted = wanted_format(headers.get("accept", ""))
    answer = {"content-type": wanted.content_type, "vary": "Accept, Accept-Encoding"}
    escaping = wanted.escaping or Escaping.UNDERSCORES
    pieces = in_slices(render(await snapshot(), wanted.form, escaping))
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
