"""Numbers as Prometheus's API and its templates write them."""

import math
from decimal import Decimal

LOW, HIGH = 1e-6, 1e21


def value(number: float) -> str:
    """A sample's value: the shortest that reads back, with an exponent where it is far from 1.

    https://github.com/prometheus/prometheus/blob/main/util/jsonutil/marshal.go
    """
    text = repr(number)
    if text.endswith(".0"):
        return text[:-2]
    if text in SPECIAL:
        return SPECIAL[text]
    if "e" in text:
        return format(Decimal(text), "f") if LOW <= abs(number) < HIGH else scientific(number)
    return text


SPECIAL = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}


def scientific(number: float) -> str:
    """Go's ``FormatFloat(v, 'e', -1, 64)``, which alerts have for their value."""
    if not math.isfinite(number):
        return SPECIAL[repr(float(number))]
    sign, digits, exponent = Decimal(repr(float(number))).as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 for mypy: it is finite
    text = "".join(map(str, digits))
    power = len(text) - 1 + exponent if text.strip("0") else 0
    text = text.rstrip("0") or "0"
    rest = f".{text[1:]}" if text[1:] else ""
    return f"{'-' if sign else ''}{text[0]}{rest}e{'-' if power < 0 else '+'}{abs(power):02}"


def seconds(milliseconds: int) -> str:
    """A time as JSON has it."""
    whole, part = divmod(milliseconds, 1000)
    if not part:
        return str(whole)
    if milliseconds < 0:
        return f"{milliseconds / 1000:.3f}"
    return f"{whole}.{part:03}"
