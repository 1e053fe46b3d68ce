"""Numbers as Prometheus writes and reads them in labels."""

import math
import re
from decimal import Decimal
from typing import Final

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
