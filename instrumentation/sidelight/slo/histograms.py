"""PromQL over a histogram, the same for each way in which Prometheus may store it.

A classic histogram is the series ``NAME_count``, ``NAME_sum`` and ``NAME_bucket``; a native one,
also with custom buckets (NHCB), is one series ``NAME``
(https://prometheus.io/docs/specs/native_histograms/). Each function returns both, joined by
``or``, for the inside of a sum: so a target that stores both counts once, and of two targets that
store different ones each counts. The second part is between ``<native>`` and ``</native>``, since
not every engine has its functions (`sidelight.slo.context.RuleContext`).
"""

from typing import Final, Literal

from sidelight.slo.windows import BASE
from sidelight.text_format import escaped, literal

DURATION: Final = "http_server_request_duration_seconds"
FIRST_BYTE: Final = "fastapi_time_to_first_byte_seconds"

Function = Literal["rate", "increase"]


def count(family: str, matchers: str, function: Function = "rate", window: str = BASE) -> str:
    """The observations of each series in a window; ``matchers`` are without braces."""
    return _part("count", family, matchers, function, window)


def total(family: str, matchers: str) -> str:
    """The rate of the sum of the observations of each series."""
    return _part("sum", family, matchers, "rate", BASE)


def present(family: str, matchers: str) -> str:
    """A sample of each series that is there."""
    return f"{family}_count{{{matchers}}}<native> or {family}{{{matchers}}}</native>"


def within(family: str, matchers: str, seconds: str) -> str:
    """The rate of the observations of each series that are at most so many seconds.

    A native histogram has no such boundary: there it is an estimate, and exact for NHCB. One
    without observations has no fraction but NaN, and is left out.
    """
    whole = _range(family, matchers, "rate", BASE)
    fraction = f"histogram_fraction(-Inf, {seconds}, {whole})"
    classic = _range(f"{family}_bucket", f"{le(seconds)},{matchers}", "rate", BASE)
    native = f" or ignoring (le) (histogram_count({whole}) * {fraction} >= 0)"
    return f"{classic}<native>{native}</native>"


def le(seconds: str) -> str:
    """The matcher of a bucket, in each spelling that Prometheus may have stored: 1 and 1.0."""
    whole = "" if "." in seconds else "(\\\\.0)?"
    return f'le=~"{escaped(literal(seconds))}{whole}"'


def _part(part: str, family: str, matchers: str, function: Function, window: str) -> str:
    classic = _range(f"{family}_{part}", matchers, function, window)
    native = f" or histogram_{part}({_range(family, matchers, function, window)})"
    return f"{classic}<native>{native}</native>"


def _range(series: str, matchers: str, function: Function, window: str) -> str:
    return f"{function}({series}{{{matchers}}}[<{window}>])"
