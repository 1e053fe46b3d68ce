"""A line of a script: a series and its values, as in ``x{job="a"} 1 2+3x2 _ stale``."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.formatting import parse_number
from sidelight.embedded.promql.quoting import unquote
from sidelight.embedded.promql.storage import STALE_BITS
from tests.embedded.promql.histogram_notation import HISTOGRAM_RUN, histogram_run

_STRING: Final = r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'|`[^`]*`"
_SERIES: Final = re.compile(rf"([\w:]*)\s*(?:\{{(?!\{{)((?:[^\"'`}}]|{_STRING})*)\}})?")
_LABEL: Final = re.compile(rf"\s*(?:({_STRING})|(\w+))\s*(?:=\s*({_STRING}))?\s*(?:,|$)")
_ITEM: Final = re.compile(rf"{HISTOGRAM_RUN.pattern}|(\S+)")
_NUMBER: Final = r"[+-]?(?:[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?|Inf|NaN)"
_RUN: Final = re.compile(rf"({_NUMBER}|stale)({_NUMBER})?(?:x([0-9]+))?", re.IGNORECASE)
STALE: Final = float(np.array(STALE_BITS, np.int64).view(np.float64))

Labels = dict[str, str]


Value = float | FloatHistogram | None
"""None: there is no sample at this time."""


class SeriesLine(NamedTuple):
    """Labels and values; ``start_timestamps``: the line has start timestamps for values."""

    labels: Labels
    values: list[Value]
    start_timestamps: bool = False


def series_line(text: str) -> SeriesLine:
    """Read a line. `ValueError` if it is not in this notation."""
    found = _SERIES.match(text)
    if found is None or not found[0]:
        raise ValueError(f'{text!r} begins with no series; for example up{{job="a"}} 1 0')
    rest = text[found.end() :]
    labels = {**({"__name__": found[1]} if found[1] else {}), **dict(_labels(found[2] or ""))}
    if rest.startswith("@st "):
        return SeriesLine(labels, [], start_timestamps=True)
    return SeriesLine(labels, list(_values(rest)))


def number(text: str) -> float | None:
    """Return the number that is the whole text; None if it is none."""
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]+", text):
        return float(int(text, 16))
    return parse_number(text)


def _labels(inside: str) -> Iterator[tuple[str, str]]:
    at = 0
    while inside[at:].strip():
        found = _LABEL.match(inside, at)
        if found is None:
            raise ValueError(f'{inside!r} has no labels; for example job="a", code="200"')
        name = unquote(found[1]) if found[1] else found[2]
        yield (name, unquote(found[3])) if found[3] else ("__name__", name)
        at = found.end()


def _values(text: str) -> Iterator[Value]:
    for item in _ITEM.finditer(text):
        *run, number_run = item.groups(default="")
        yield from _run(number_run) if number_run else histogram_run(*run)


def _run(item: str) -> Iterator[Value]:
    found = _RUN.fullmatch(item)
    if item[0] == "_":
        yield from [None] * int(item[2:] or 1)
    elif found is None:
        raise ValueError(f"{item!r} is no value; for example 1, 2+3x2, _x3, stale or NaN")
    elif found[1].lower() == "stale":
        yield from [STALE] * (int(found[3] or 0) + 1)
    else:
        yield from _steps(found[1], found[2], int(found[3] or 0))


def _steps(first: str, step: str | None, times: int) -> Iterator[float]:
    value, rise = float(first), float(step or 0)
    for _ in range(times + 1):
        yield value
        value += rise
