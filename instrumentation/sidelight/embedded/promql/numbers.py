"""Numbers as Prometheus writes and reads them in labels."""

import math
import re
import sys
from decimal import Decimal
from typing import Final

TINY: Final = 1e-12
"""A relative difference of counts that comes from the arithmetic of floats only."""
SMALLEST: Final = sys.float_info.min
_INFINITE: Final = re.compile(r"([+-]?)inf(inity)?", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)


def written(value: float) -> str:
    """The shortest text that reads back as this number, without an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 2**53:
        return "-0" if math.copysign(1, value) < 0 and not value else str(int(value))
    return f"{Decimal(repr(value)):f}"


def read(text: str) -> float | None:
    """The number of a text like the label ``le``; None if it is none."""
    if _NUMBER.fullmatch(text):
        return float(text)
    if infinite := _INFINITE.fullmatch(text):
        return -math.inf if infinite[1] == "-" else math.inf
    return math.nan if text.lower() == "nan" else None


def nearly(a: float, b: float) -> bool:
    """Whether two counts differ by the arithmetic of floats only, as Prometheus judges it."""
    if a == b:
        return True
    whole, apart = abs(a) + abs(b), abs(a - b)
    if 0 in {a, b} or whole < SMALLEST:
        return apart < TINY * SMALLEST
    return apart / whole < TINY
