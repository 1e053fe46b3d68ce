"""What day and hour a value is, taken as seconds since the epoch, in UTC."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.frame import Floats

Dates = NDArray[np.datetime64]

_END: Final = 2.0**63
"""Seconds that a whole number of Go's can't hold; 8 s before that is of the same minute."""


def _dates(values: Floats) -> Dates:
    """What is no moment is the last one, to Prometheus on its commonest processors."""
    whole = np.trunc(values)
    known = np.abs(whole) < _END
    seconds = np.full(values.shape, 2**63 - 8, np.int64)
    seconds[known] = whole[known].astype(np.int64)
    return seconds.astype("datetime64[s]")


def _since(unit: str, of: str, first: int) -> Callable[[Floats], Floats]:
    """How many ``unit`` since the begin of its ``of``."""

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
    return _number((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]"))


OF_TIME: Final[dict[str, Callable[[Floats], Floats]]] = {
    "day_of_month": _since("D", "M", 1),
    "day_of_week": _day_of_week,
    "day_of_year": _since("D", "Y", 1),
    "days_in_month": _days_in_month,
    "hour": _since("h", "D", 0),
    "minute": _since("m", "h", 0),
    "month": _since("M", "Y", 1),
    "year": _year,
}
