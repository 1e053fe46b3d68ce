"""The fields of a request, read from its query string and its form as Go's ``net/http`` does."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from starlette.requests import Request

from sidelight.embedded.api.parameters import ApiParameters
from sidelight.embedded.promql.limits import bad_data
from sidelight.embedded.promql.quoting import quote

FORM = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 256 * 1024
MAX_FIELDS = 1000
_WRONG_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)


async def read_parameters(request: Request) -> ApiParameters:
    """Read the parameters of a request; those of a form come first. Raises `QueryError`."""
    texts = [request.scope.get("query_string", b"")]
    media_type = request.headers.get("content-type", "").partition(";")[0]
    if request.method == "POST" and media_type.strip().lower() == FORM:
        texts.insert(0, await _body(request))
    return parse_form(*texts)


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise bad_data(f"error parsing form values: more than {MAX_BODY_BYTES} bytes")
    return body


def parse_form(*texts: bytes) -> ApiParameters:
    """Parse fields. One that is invalid is left out, and the first problem is kept."""
    found: dict[str, list[str]] = {}
    problem = ""
    for text in texts:
        pieces = text.split(b"&")
        if len(pieces) > MAX_FIELDS:
            raise bad_data(f"error parsing form values: more than {MAX_FIELDS} fields")
        for piece in filter(None, pieces):
            try:
                name, value = _field(piece)
            except ValueError as why:
                problem = problem or str(why)
            else:
                found.setdefault(name, []).append(value)
    return ApiParameters(found, problem)


def _field(piece: bytes) -> Iterator[str]:
    if b";" in piece:
        raise ValueError("invalid semicolon separator in query")
    name, _, value = piece.partition(b"=")
    return map(_unescape, (name, value))


def _unescape(text: bytes) -> str:
    if wrong := _WRONG_ESCAPE.search(text):
        raise ValueError(f"invalid URL escape {quote(_decode(wrong[0]))}")
    return _decode(unquote_to_bytes(text.replace(b"+", b" ")))


def _decode(text: bytes) -> str:
    """Bytes that are not UTF-8 stay single characters."""
    return text.decode("utf-8", "surrogateescape")
