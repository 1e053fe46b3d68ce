"""PromQL over a histogram, the same for each way in which Prometheus may store it.

A classic histogram is the series ``NAME_count``, ``NAME_sum`` and ``NAME_bucket``; a native one,
also with custom buckets (NHCB), is one series ``NAME``
(https://prometheus.io/docs/specs/native_histograms/). Each function but `quantile` returns both,
joined by ``or``, for the inside of a sum: so a target that stores both counts once, and of two
targets that store different ones each counts. What is between ``<native>`` and ``</native>`` has
functions that not every engine has; `for_engine` keeps it or leaves it out.

Matchers are without braces. ``over`` is a range, such as ``[5m] offset 1h``; by default it is that
of the rules, a placeholder.
"""

import re
from typing import Final, Literal

from sidelight.text_format import escaped, literal

DURATION: Final = "http_server_request_duration_seconds"
FIRST_BYTE: Final = "fastapi_time_to_first_byte_seconds"
WINDOW: Final = "[<5m>]"
NATIVE_FUNCTION: Final = "histogram_count(vector(0))"
"""A query that only an engine with the functions of native histograms evaluates."""

Function = Literal["rate", "increase"]
Part = Literal["count", "sum"]

_NATIVE: Final = re.compile("<native>(.*?)</native>")
_ARGUMENT: Final = r'(?:"(?:[^"\\]|\\.)*"|[^"()])*'
"""A selector with a range: strings, and other text without parentheses."""
_NATIVE_PART: Final = re.compile(rf" or histogram_(?:count|sum)\(\w+\({_ARGUMENT}\)\)")


def count(family: str, matchers: str, function: Function = "rate", over: str = WINDOW) -> str:
    """The observations of each series in a window."""
    return _part("count", family, matchers, function, over)


def total(family: str, matchers: str, over: str = WINDOW) -> str:
    """The rate of the sum of the observations of each series."""
    return _part("sum", family, matchers, "rate", over)


def since_start(family: str, matchers: str) -> str:
    """The observations of each series since it began."""
    classic, native = (f"{name}{{{matchers}}}" for name in (f"{family}_count", family))
    return f"{classic}<native> or histogram_count({native})</native>"


def quantile(share: str, family: str, matchers: str, by: str, over: str) -> str:
    """A quantile by these labels: of native histograms where there are some, else of classic ones.

    A native histogram knows it within 9 %. Where targets store different ones, it is of some.
    """
    whole, buckets = (_range(name, matchers, "rate", over) for name in (family, f"{family}_bucket"))
    native = f"histogram_quantile({share}, sum by ({by}) ({whole}))"
    classic = f"histogram_quantile({share}, sum by ({by}, le) ({buckets}))"
    return f"<native>{native} or </native>{classic}"


def within(family: str, matchers: str, seconds: str) -> str:
    """The rate of the observations of each series that are at most so many seconds.

    A native histogram has no such boundary: there it is an estimate, and exact for NHCB. One
    without observations has no fraction but NaN, and is left out.
    """
    whole = _range(family, matchers, "rate", WINDOW)
    fraction = f"histogram_fraction(-Inf, {seconds}, {whole})"
    classic = _range(f"{family}_bucket", f"{le(seconds)},{matchers}", "rate", WINDOW)
    native = f" or ignoring (le) (histogram_count({whole}) * {fraction} >= 0)"
    return f"{classic}<native>{native}</native>"


def le(seconds: str) -> str:
    """The matcher of a bucket, in each spelling that Prometheus may have stored: 1 and 1.0."""
    whole = "" if "." in seconds else "(\\\\.0)?"
    return f'le=~"{escaped(literal(seconds))}{whole}"'


def for_engine(query: str, *, native: bool) -> str:
    """The query for an engine that has the functions of native histograms, or has not."""
    return _NATIVE.sub(r"\1" if native else "", query)


def without_native(query: str) -> str:
    """A finished query of `count` and `total`, for an engine without native functions."""
    return _NATIVE_PART.sub("", query)


def _part(part: Part, family: str, matchers: str, function: Function, over: str) -> str:
    classic = _range(f"{family}_{part}", matchers, function, over)
    native = f" or histogram_{part}({_range(family, matchers, function, over)})"
    return f"{classic}<native>{native}</native>"


def _range(series: str, matchers: str, function: Function, over: str) -> str:
    return f"{function}({series}{{{matchers}}}{over})"
