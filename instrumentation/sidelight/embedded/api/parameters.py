"""The parameters of a request, read as Prometheus reads them."""

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from starlette.requests import Request

from sidelight.durations import LONGEST, to_milliseconds
from sidelight.embedded.promql.ast import (
    VectorSelector,
)
from sidelight.embedded.promql.formatting import quote
from sidelight.embedded.promql.limits import QueryError, QueryLimits, bad_data
from sidelight.embedded.promql.parser import parse
from sidelight.embedded.promql.storage import LabelMatcher

FORM = "application/x-www-form-urlencoded"
MAX_BODY_BYTES = 256 * 1024
MAX_FIELDS = 1000

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ApiParameters:
    """The parameters in a request's query string and form."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """Return the first value; an empty string if there is none."""
        return self._fields.get(name, [""])[0]

    def texts(self, name: str) -> list[str]:
        """Return all values."""
        return self._fields.get(name, [])

    def time(self, name: str, default: int | None = None) -> int:
        """Return a time in milliseconds since the epoch. Raises `QueryError`."""
        given = self.text(name)
        if not given and default is not None:
            return default
        found = parse_time(given)
        if found is None:
            problem = f"cannot parse {quote(given)} to a valid timestamp"
            prefix = "" if default is None else f"Invalid time value for '{name}': "
            raise invalid_parameter(name, prefix + problem)
        return found

    def duration(self, name: str) -> int:
        """Return a duration in milliseconds. Raises `QueryError`."""
        given = self.text(name)
        found = parse_duration(given)
        if found is None:
            raise invalid_parameter(name, f"cannot parse {quote(given)} to a valid duration")
        return found

    def limit(self) -> int:
        """Return the limit of the number of results; 0 for none. Raises `QueryError`."""
        name = "limit"
        given = self.text(name)
        if not given:
            return 0
        if not re.fullmatch(r"[+-]?\d{1,18}", given):
            raise invalid_parameter(name, f"strconv.Atoi: parsing {quote(given)}: invalid syntax")
        if int(given) < 0:
            raise invalid_parameter(name, "limit must be non-negative")
        return int(given)

    def reject(self, name: str) -> None:
        """Raise `QueryError` if a parameter is given that only Prometheus supports."""
        if any(self.texts(name)):
            raise invalid_parameter(name, "is not supported here")


async def read_parameters(request: Request) -> ApiParameters:
    """Read the parameters of a request; those of a form come first. Raises `QueryError`."""
    texts = [request.scope.get("query_string", b"").decode("utf-8", "replace")]
    if request.method == "POST" and request.headers.get("content-type", "").startswith(FORM):
        texts.insert(0, (await _body(request)).decode("utf-8", "replace"))
    found: dict[str, list[str]] = {}
    for text in texts:
        try:
            fields = parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError as error:
            raise bad_data(f"error parsing form values: {error}") from error
        for name, values in fields.items():
            found.setdefault(name, []).extend(values)
    return ApiParameters(found)


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise bad_data(f"error parsing form values: more than {MAX_BODY_BYTES} bytes")
    return body


def invalid_parameter(name: str, problem: str) -> QueryError:
    """Return the error of a parameter that is invalid."""
    return bad_data(f'invalid parameter "{name}": {problem}')


def parse_time(text: str) -> int | None:
    """Return a time, given in seconds or as RFC 3339, in milliseconds; None if it is neither."""
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


def parse_duration(text: str) -> int | None:
    """Return seconds, or a duration such as 1h30m, in milliseconds; None if it is neither."""
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
    """Return milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


MATCH = "match[]"


def matcher_sets(params: ApiParameters, limits: QueryLimits) -> list[tuple[LabelMatcher, ...]]:
    """Return the matchers of each ``match[]``. Raises `QueryError`."""
    return [_selector(text, limits) for text in params.texts(MATCH)]


def _selector(text: str, limits: QueryLimits) -> tuple[LabelMatcher, ...]:
    try:
        found = parse(text, limits)
    except QueryError as error:
        raise invalid_parameter(MATCH, error.message) from error
    if not isinstance(found, VectorSelector) or found.offset or found.at is not None:
        raise invalid_parameter(MATCH, f"1:1: parse error: {text!r} is no series selector")
    return found.matchers
