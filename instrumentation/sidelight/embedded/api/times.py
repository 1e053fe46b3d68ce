"""Times and durations of a request's parameters, with the 64-bit arithmetic of Go's ``time``.

Prometheus's API accepts numbers that are not finite and times that overflow. They have the same
results here.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from sidelight.durations import to_milliseconds
from sidelight.embedded.promql.formatting import parse_number
from sidelight.embedded.promql.quoting import quote

NANOSECONDS: Final = 1_000_000_000
MILLISECOND: Final = 1_000_000
"""Nanoseconds of a millisecond."""
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
_YEAR_1: Final = 62_135_596_800
"""Seconds from the year 1, from which Go counts, to 1970."""
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-]\d\d):(\d\d))",
    re.ASCII,
)
_CYCLE_YEARS, _CYCLE_SECONDS = 400, 146_097 * 86_400
"""The calendar repeats itself: Go has a year 0, and Python has none."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_HOURS, _MOST_MINUTES = 24, 60


def truncated(number: int, by: int) -> int:
    """Divide as Go does: toward zero."""
    return number // by if number >= 0 else -(-number // by)


def _go_int64(number: float) -> int:
    """Convert as Go does on amd64: what does not fit becomes the lowest number."""
    return int(number) if -float(1 << 63) <= number < float(1 << 63) else _LOWEST


def _int64(number: int) -> int:
    """Let a sum or a product overflow."""
    return (number - _LOWEST) % (1 << 64) + _LOWEST


class Time(NamedTuple):
    """A time in seconds since the year 1, which overflow, and nanoseconds. Times are ordered."""

    seconds: int
    nanoseconds: int

    @property
    def in_storage(self) -> int:
        """Milliseconds since 1970, as Prometheus's storage computes them."""
        return _int64(self._unix * 1000 + self.nanoseconds // MILLISECOND)

    @property
    def in_engine(self) -> int:
        """Milliseconds since 1970, as Prometheus's engine computes them."""
        return truncated(_int64(self._unix * NANOSECONDS + self.nanoseconds), MILLISECOND)

    @property
    def _unix(self) -> int:
        return _int64(self.seconds - _YEAR_1)

    def since(self, start: "Time") -> int:
        """Return the nanoseconds since an earlier time, no more than fit into 64 bits."""
        passed = (self.seconds - start.seconds) * NANOSECONDS + self.nanoseconds - start.nanoseconds
        return min(passed, _HIGHEST)


def unix(seconds: int, nanoseconds: int = 0) -> Time:
    """Return the time of these seconds and nanoseconds since 1970."""
    more, rest = divmod(nanoseconds, NANOSECONDS)
    return Time(_int64(seconds + more + _YEAR_1), rest)


MIN_TIME: Final = unix(-9_223_309_901_257_974)
MAX_TIME: Final = unix(9_223_309_901_257_974, NANOSECONDS - 1)
"""The API's default start and end of a range that has none."""
_BEYOND_4_DIGITS: Final = {
    "-292273086-05-16T16:47:06Z": MIN_TIME,
    "292277025-08-18T07:12:54.999999999Z": MAX_TIME,
}


def parse_time(text: str) -> Time:
    """Return a time, given in seconds since 1970 or as RFC 3339. Raises `ValueError`."""
    seconds = parse_number(text)
    if seconds is not None:
        return _of_seconds(seconds)
    found = _RFC3339.fullmatch(text)
    time = _BEYOND_4_DIGITS.get(text) if found is None else _of_rfc3339(found)
    if time is None:
        raise ValueError(f"cannot parse {quote(text)} to a valid timestamp")
    return time


def _of_seconds(seconds: float) -> Time:
    if not math.isfinite(seconds):
        return unix(_LOWEST, _LOWEST)
    part, whole = math.modf(seconds)
    milliseconds = int(Decimal(part * 1000).to_integral_value(ROUND_HALF_UP))
    return unix(_go_int64(whole), _go_int64(milliseconds / 1000 * NANOSECONDS))


def _of_rfc3339(found: re.Match[str]) -> Time | None:
    *clock, fraction, hours, minutes = found.groups("0")
    year, month, day, hour, minute, second = map(int, clock)
    cycles = year // _CYCLE_YEARS - 1
    east = timedelta(minutes=int(hours) * 60 + int(f"{hours[0]}{minutes}"))
    if abs(int(hours)) > _MOST_HOURS or int(minutes) > _MOST_MINUTES:
        return None
    try:
        local = datetime(year - cycles * _CYCLE_YEARS, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    seconds = (local - east - _EPOCH) // timedelta(seconds=1) + cycles * _CYCLE_SECONDS
    return unix(seconds, int(f"{fraction:0<9}"[:9]))


def parse_duration(text: str) -> int:
    """Return nanoseconds of seconds, or of a duration such as 1h30m. Raises `ValueError`."""
    problem = f"cannot parse {quote(text)} to a valid duration"
    seconds = parse_number(text)
    if seconds is not None:
        if abs(seconds * NANOSECONDS) > float(_HIGHEST):
            raise ValueError(f"{problem}. It overflows int64")
        return _go_int64(seconds * NANOSECONDS)
    try:
        length = to_milliseconds(text) * MILLISECOND
    except ValueError:
        raise ValueError(problem) from None
    if length > _HIGHEST:
        raise ValueError(problem)
    return length
