"""Operators between two numbers, and functions of a single value."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.frame import Bools, Floats
from sidelight.embedded.promql.power import power

ARITHMETIC: Final[dict[str, Callable[[Floats, Floats], Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,  # the sign is the dividend's
    "^": power,
    "atan2": np.arctan2,
}
COMPARISONS: Final[dict[str, np.ufunc]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def operate(
    op: str, left: Floats, right: Floats, *, return_bool: bool
) -> tuple[Floats, Bools | None]:
    """Return the values, and which of them a comparison keeps (None: all).

    A comparison keeps values of the left side; with ``return_bool`` it gives 1 or 0.
    """
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right), None
    chosen: Bools = COMPARISONS[op](left, right)
    if return_bool:
        return chosen.astype(float), None
    return left, chosen


def _round(values: Floats, nearest: Floats | float = 1.0) -> Floats:
    """Round to a multiple of ``nearest``, halves up; the inverse is used as in Prometheus."""
    inverse = 1.0 / np.asarray(nearest)
    return np.floor(values * inverse + 0.5) / inverse


def _sign(values: Floats) -> Floats:
    return np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))


def clamp_min(values: Floats, low: Floats) -> Floats:
    """Return the greater of both; NaN if one is NaN and the other is not +Inf, as in Go."""
    endless = (values == np.inf) | (low == np.inf)
    zeros = (values == 0) & (low == 0)  # 0 is greater than -0
    return np.where(endless, np.inf, np.where(zeros, values + low, np.maximum(values, low)))


def clamp_max(values: Floats, high: Floats) -> Floats:
    """Return the lesser of both; NaN if one is NaN and the other is not -Inf, as in Go."""
    return -clamp_min(-values, -high)


def _radians(values: Floats) -> Floats:
    return values * np.pi / 180


def _degrees(values: Floats) -> Floats:
    return values * 180 / np.pi


VALUE_FUNCTIONS: Final[dict[str, Any]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "clamp_max": clamp_max,
    "clamp_min": clamp_min,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": _degrees,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": _radians,
    "round": _round,
    "sgn": _sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}
"""Functions of n x s values, and of scalars at s steps."""


Dates = NDArray[np.datetime64]

_END: Final = 2.0**63
"""Seconds that do not fit into Go's int64; 8 s earlier is in the same minute."""


def _dates(values: Floats) -> Dates:
    """Times that do not fit become the last one, as in Prometheus on amd64."""
    whole = np.trunc(values)
    fits = np.abs(whole) < _END
    seconds = np.full(values.shape, 2**63 - 8, np.int64)
    seconds[fits] = whole[fits].astype(np.int64)
    return seconds.astype("datetime64[s]")


def _since(unit: str, of: str, first: int) -> Callable[[Floats], Floats]:
    """Return a function that counts the ``unit`` since the start of the ``of``."""

    def part(values: Floats) -> Floats:
        dates = _dates(values)
        begin = dates.astype(f"datetime64[{of}]")
        return (
            _number(dates.astype(f"datetime64[{unit}]") - begin.astype(f"datetime64[{unit}]"))
            + first
        )

    return part


def _number(spans: NDArray[np.timedelta64]) -> Floats:
    return spans.astype(np.int64).astype(float)


def _year(values: Floats) -> Floats:
    return _number(_dates(values).astype("datetime64[Y]") - np.datetime64("1970", "Y")) + 1970


def _day_of_week(values: Floats) -> Floats:
    days = _dates(values).astype("datetime64[D]") - np.datetime64("1970-01-04", "D")  # a Sunday
    return np.mod(_number(days), 7)


def _days_in_month(values: Floats) -> Floats:
    month = _dates(values).astype("datetime64[M]")
    return _number(
        (month + np.timedelta64(1, "M")).astype("datetime64[D]") - month.astype("datetime64[D]")
    )


TIME_FUNCTIONS: Final[dict[str, Callable[[Floats], Floats]]] = {
    "day_of_month": _since("D", "M", 1),
    "day_of_week": _day_of_week,
    "day_of_year": _since("D", "Y", 1),
    "days_in_month": _days_in_month,
    "hour": _since("h", "D", 0),
    "minute": _since("m", "h", 0),
    "month": _since("M", "Y", 1),
    "year": _year,
}
