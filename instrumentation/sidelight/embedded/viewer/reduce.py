"""One number of many: Grafana's calculations, over values in the order of their times."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

Values = Sequence[float]


def reduced(values: Values, name: str) -> float | None:
    """The calculation of this name; None of nothing. NaN counts as no value."""
    known = [value for value in values if not math.isnan(value)]
    if name == "count":
        return float(len(values))
    if name in {"first", "last"}:
        return _or_none(values, CALCULATIONS[name])
    return _or_none(known, CALCULATIONS[name])


def _or_none(values: Values, calculate: Callable[[Values], float]) -> float | None:
    return calculate(values) if values else None


def _first(values: Values) -> float:
    return values[0]


def _last(values: Values) -> float:
    return values[-1]


def _mean(values: Values) -> float:
    return math.fsum(values) / len(values)


CALCULATIONS: Final[Mapping[str, Callable[[Values], float]]] = {
    "first": _first,
    "firstNotNull": _first,
    "last": _last,
    "lastNotNull": _last,
    "max": max,
    "mean": _mean,
    "min": min,
    "sum": math.fsum,
}
