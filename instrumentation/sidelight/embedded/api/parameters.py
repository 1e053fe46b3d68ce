"""The parameters of a request, read and refused as by Prometheus."""

import re
import time
from collections.abc import Mapping
from typing import Final

from sidelight.embedded.api.times import NANOSECONDS, Time, parse_duration, parse_time, unix
from sidelight.embedded.promql.ast import VectorSelector
from sidelight.embedded.promql.limits import QueryError, QueryLimits, bad_data
from sidelight.embedded.promql.parser import EMPTY_SELECTOR, parse
from sidelight.embedded.promql.quoting import quote
from sidelight.embedded.promql.storage import LabelMatcher

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_MOST_DIGITS: Final = 40


class ApiParameters:
    """The parameters in a request's query string and form.

    ``problem``: why some of them could not be read, which few endpoints refuse.
    """

    def __init__(self, fields: Mapping[str, list[str]], problem: str = "") -> None:
        self._fields = fields
        self._problem = problem

    def check_form(self) -> None:
        """Raise `QueryError` if some fields could not be read."""
        if self._problem:
            raise bad_data(f"error parsing form values: {self._problem}")

    def text(self, name: str) -> str:
        """Return the first value; an empty string if there is none."""
        return self._fields.get(name, [""])[0]

    def texts(self, name: str) -> list[str]:
        """Return all values."""
        return self._fields.get(name, [])

    def time(self, name: str, default: Time) -> Time:
        """Return a time. Raises `QueryError`."""
        if not self.text(name):
            return default
        try:
            return parse_time(self.text(name))
        except ValueError as why:
            raise invalid_parameter(name, f"invalid time value for '{name}': {why}") from None

    def required_time(self, name: str) -> Time:
        """Return a time that must be given. Raises `QueryError`."""
        try:
            return parse_time(self.text(name))
        except ValueError as why:
            raise invalid_parameter(name, str(why)) from None

    def duration(self, name: str) -> int:
        """Return a duration in nanoseconds. Raises `QueryError`."""
        try:
            return parse_duration(self.text(name))
        except ValueError as why:
            raise invalid_parameter(name, str(why)) from None

    def timeout(self, default: float) -> float:
        """Return the seconds in which the client wants an answer. Raises `QueryError`."""
        return self.duration("timeout") / NANOSECONDS if self.text("timeout") else default

    def limit(self) -> int:
        """Return the limit of the number of results; 0 for none. Raises `QueryError`."""
        name = "limit"
        try:
            found = parse_int(self.text(name), "Atoi") if self.text(name) else 0
        except ValueError as why:
            raise invalid_parameter(name, str(why)) from None
        if found < 0:
            raise invalid_parameter(name, "limit must be non-negative")
        return found


def invalid_parameter(name: str, problem: str) -> QueryError:
    """Return the error of a parameter that is invalid."""
    return bad_data(f'invalid parameter "{name}": {problem}')


def parse_int(text: str, function: str, bits: int = 64) -> int:
    """Return a number. Raises `ValueError` with the message of this function of Go's strconv."""
    problem = f"strconv.{function}: parsing {quote(text)}: "
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{problem}invalid syntax")
    sign, digits = ("-" if text[0] == "-" else ""), text.lstrip("+-0") or "0"
    found = int(sign + digits[:_MOST_DIGITS])
    if not -(1 << bits - 1) <= found < 1 << bits - 1:
        raise ValueError(f"{problem}value out of range")
    return found


def now() -> Time:
    """Return the current time."""
    return unix(0, time.time_ns())


MATCH = "match[]"


def matcher_sets(params: ApiParameters, limits: QueryLimits) -> list[tuple[LabelMatcher, ...]]:
    """Return the matchers of each ``match[]``. Raises `QueryError`."""
    return [_selector(text, limits) for text in params.texts(MATCH)]


def _selector(text: str, limits: QueryLimits) -> tuple[LabelMatcher, ...]:
    if not text.strip():
        raise bad_data("unknown position: parse error: unexpected end of input")
    try:
        found = parse(text, limits)
    except QueryError as error:
        if error.message == EMPTY_SELECTOR:
            raise bad_data(f"{MATCH} must contain at least one non-empty matcher") from None
        raise
    if not isinstance(found, VectorSelector) or found.offset or found.at is not None:
        raise bad_data(f"1:1: parse error: {quote(text)} is no series selector")
    return found.matchers
