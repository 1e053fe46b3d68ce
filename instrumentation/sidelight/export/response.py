"""The metrics as an HTTP response, rendered without holding up the event loop."""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from starlette.datastructures import Headers
from starlette.responses import Response

from sidelight.cooperative import in_slices
from sidelight.export import prometheus, protobuf
from sidelight.export.negotiation import WantedFormat, accepts_gzip, wanted_format
from sidelight.export.snapshot import Snapshot
from sidelight.settings import Settings
from sidelight.text_format import Escaping, ExpositionFormat

GZIP_LEVEL = 1


async def metrics_response(
    headers: Headers, snapshot: Callable[[], Awaitable[Snapshot]], settings: Settings
) -> Response:
    """The snapshot in the format and content coding that the client prefers."""
    wanted = wanted_format(headers)
    answer = {"content-type": wanted.content_type, "vary": "Accept, Accept-Encoding"}
    pieces = in_slices(rendered(await snapshot(), wanted, settings))
    if accepts_gzip(headers):
        answer["content-encoding"] = "gzip"
        pieces = _compressed(pieces)
    body = b"".join([piece async for piece in pieces])
    return Response(body, headers=answer)


def rendered(
    snapshot: Snapshot, wanted: WantedFormat, settings: Settings | None = None
) -> Iterator[bytes]:
    """The snapshot in a format, in pieces, of which some are empty."""
    escaping = wanted.escaping or Escaping.UNDERSCORES
    if wanted.form is ExpositionFormat.PROTOBUF:
        native = settings is not None and settings.native_histograms
        return protobuf.render(snapshot, escaping, native=native)
    created = settings is not None and settings.created_series
    return prometheus.render(snapshot, wanted.form, escaping, created=created)


async def _compressed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    async for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
