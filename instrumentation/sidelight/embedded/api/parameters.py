"""What a request asks, read as Prometheus reads it."""

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from starlette.requests import Request

from sidelight.durations import LONGEST, to_milliseconds
from sidelight.embedded.promql.errors import QueryError, wrong
from sidelight.embedded.promql.quoting import quoted

FORM = "application/x-www-form-urlencoded"
MOST_BODY = 256 * 1024
MOST_FIELDS = 1000

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Parameters:
    """A request's fields, of its address and of its form."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """The first value; empty without any."""
        return self._fields.get(name, [""])[0]

    def texts(self, name: str) -> list[str]:
        """All values."""
        return self._fields.get(name, [])

    def time(self, name: str, default: int | None = None) -> int:
        """Milliseconds since the epoch. Raises `QueryError`."""
        given = self.text(name)
        if not given and default is not None:
            return default
        found = moment(given)
        if found is None:
            problem = f"cannot parse {quoted(given)} to a valid timestamp"
            told = "" if default is None else f"Invalid time value for '{name}': "
            raise invalid(name, told + problem)
        return found

    def duration(self, name: str) -> int:
        """Milliseconds. Raises `QueryError`."""
        given = self.text(name)
        found = duration(given)
        if found is None:
            raise invalid(name, f"cannot parse {quoted(given)} to a valid duration")
        return found

    def limit(self) -> int:
        """How many at most; 0 for no bound. Raises `QueryError`."""
        name = "limit"
        given = self.text(name)
        if not given:
            return 0
        if not re.fullmatch(r"[+-]?\d{1,18}", given):
            raise invalid(name, f"strconv.Atoi: parsing {quoted(given)}: invalid syntax")
        if int(given) < 0:
            raise invalid(name, "limit must be non-negative")
        return int(given)

    def refuse(self, name: str) -> None:
        """Raise `QueryError` if a field is given that Prometheus has and this has not."""
        if any(self.texts(name)):
            raise invalid(name, "is not supported here")


async def read(request: Request) -> Parameters:
    """The fields of a request; a form's come first. Raises `QueryError`."""
    texts = [request.scope.get("query_string", b"").decode("utf-8", "replace")]
    if request.method == "POST" and request.headers.get("content-type", "").startswith(FORM):
        texts.insert(0, (await _body(request)).decode("utf-8", "replace"))
    found: dict[str, list[str]] = {}
    for text in texts:
        try:
            fields = parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise wrong(f"error parsing form values: {error}") from error
        for name, values in fields.items():
            found.setdefault(name, []).extend(values)
    return Parameters(found)


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY:
            raise wrong(f"error parsing form values: more than {MOST_BODY} bytes")
    return body


def invalid(name: str, problem: str) -> QueryError:
    """A field that can't be used."""
    return wrong(f'invalid parameter "{name}": {problem}')


def moment(text: str) -> int | None:
    """A time in seconds or by RFC 3339, in milliseconds; None where it is neither."""
    if _NUMBER.fullmatch(text):
        return _milliseconds(float(text))
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    try:
        whole = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    except ValueError:
        return None
    part = int(((found[2] or "") + "000")[:3])
    return (whole - _EPOCH) // timedelta(milliseconds=1) + part


def duration(text: str) -> int | None:
    """Seconds, or a duration such as 1h30m, in milliseconds; None where it is neither."""
    if _NUMBER.fullmatch(text):
        return _milliseconds(float(text))
    try:
        return to_milliseconds(text)
    except ValueError:
        return None


def _milliseconds(seconds: float) -> int | None:
    return (
        round(seconds * 1000) if math.isfinite(seconds) and abs(seconds) < LONGEST / 1000 else None
    )


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
