"""Numbers and times as Prometheus writes and reads them."""

import math
import re
from decimal import Decimal
from typing import Final

NOT_FINITE: Final = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}
_LOW, _HIGH = 1e-6, 1e21
"""The API writes a number with an exponent below and from these."""
_INFINITE: Final = re.compile(r"([+-]?)inf(inity)?", re.IGNORECASE)
_DIGITS: Final = r"[0-9]+(?:_[0-9]+)*"
_HEX_DIGITS: Final = r"[0-9a-f]+(?:_[0-9a-f]+)*"
_DECIMAL: Final = re.compile(
    rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:e[+-]?{_DIGITS})?", re.IGNORECASE
)
_HEXADECIMAL: Final = re.compile(
    rf"[+-]?0x_?(?:{_HEX_DIGITS}(?:\.(?:{_HEX_DIGITS})?)?|\.{_HEX_DIGITS})p[+-]?{_DIGITS}",
    re.IGNORECASE,
)


def format_decimal(number: float) -> str:
    """Return the shortest text that reads back as this number, without an exponent."""
    return _without_exponent(repr(number))


def format_value(number: float) -> str:
    """Return a sample's value as the HTTP API has it.

    https://github.com/prometheus/prometheus/blob/main/util/jsonutil/marshal.go
    """
    text = repr(number)
    if "e" in text and not _LOW <= abs(number) < _HIGH:
        return format_scientific(number)
    return _without_exponent(text)


def _without_exponent(text: str) -> str:
    if text in NOT_FINITE:
        return NOT_FINITE[text]
    return format(Decimal(text), "f") if "e" in text else text.removesuffix(".0")


def format_scientific(number: float) -> str:
    """Return Go's ``FormatFloat(v, 'e', -1, 64)``; the values of alerts have this form."""
    text = repr(float(number))
    if text in NOT_FINITE:
        return NOT_FINITE[text]
    sign, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 for mypy: the number is finite
    text = "".join(map(str, digits))
    power = len(text) - 1 + exponent if text.strip("0") else 0
    text = text.rstrip("0") or "0"
    rest = f".{text[1:]}" if text[1:] else ""
    return f"{'-' if sign else ''}{text[0]}{rest}e{'-' if power < 0 else '+'}{abs(power):02}"


_LARGEST_PLAIN: Final = 1e6
_SMALLEST_PLAIN: Final = 1e-4


def format_general(number: float) -> str:
    """Return Go's ``%g``: with an exponent where the number is very small or large."""
    if math.isfinite(number) and (
        abs(number) >= _LARGEST_PLAIN or 0 < abs(number) < _SMALLEST_PLAIN
    ):
        return format_scientific(number)
    return format_decimal(number)


def format_seconds(milliseconds: int) -> str:
    """Return a time in seconds as the HTTP API has it."""
    whole, part = divmod(abs(milliseconds), 1000)
    sign = "-" if milliseconds < 0 else ""
    return f"{sign}{whole}.{part:03}" if part else f"{sign}{whole}"


def parse_number(text: str) -> float | None:
    """Return what Go's ``ParseFloat`` makes of a text such as the label ``le``; None for an error.

    Digits may be in groups, ``1_000``; a hexadecimal number has an exponent, ``0x1p4``.
    """
    if _DECIMAL.fullmatch(text):
        return _finite(float(text.replace("_", "")))
    if _HEXADECIMAL.fullmatch(text):
        return _from_hexadecimal(text.replace("_", ""))
    if infinite := _INFINITE.fullmatch(text):
        return -math.inf if infinite[1] == "-" else math.inf
    return math.nan if text.lower() == "nan" else None


def _finite(number: float) -> float | None:
    """A number that does not fit is an error."""
    return number if math.isfinite(number) else None


def _from_hexadecimal(text: str) -> float | None:
    try:
        return float.fromhex(text)
    except OverflowError:
        return None
