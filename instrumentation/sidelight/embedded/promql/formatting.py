"""Numbers, times and strings as Prometheus writes and reads them."""

import math
import re
from decimal import Decimal
from typing import Final

NOT_FINITE: Final = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}
_LOW, _HIGH = 1e-6, 1e21
"""The API writes a number with an exponent below and from these."""
_INFINITE: Final = re.compile(r"([+-]?)inf(inity)?", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)


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


def format_seconds(milliseconds: int) -> str:
    """Return a time in seconds as the HTTP API has it."""
    whole, part = divmod(milliseconds, 1000)
    if not part:
        return str(whole)
    if milliseconds < 0:
        return f"{milliseconds / 1000:.3f}"
    return f"{whole}.{part:03}"


def parse_number(text: str) -> float | None:
    """Return the number in a text such as the label ``le``; None if it is not a number."""
    if _NUMBER.fullmatch(text):
        return float(text)
    if infinite := _INFINITE.fullmatch(text):
        return -math.inf if infinite[1] == "-" else math.inf
    return math.nan if text.lower() == "nan" else None


_ESCAPE: Final = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\'\"])|x(?P<hex>[0-9a-fA-F]{2})|u(?P<short>[0-9a-fA-F]{4})"
    r"|U(?P<long>[0-9a-fA-F]{8})|(?P<octal>[0-3][0-7]{2})|(?P<wrong>.))",
    re.DOTALL,
)
_PLAIN: Final = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))
_FIRST_NON_ASCII: Final = 0x80
_LAST_CODE_POINT: Final = 0x10FFFF


def unquote(token: str) -> str:
    """Return the content of a Go string literal of any of the three kinds of quotes.

    `ValueError` if an escape sequence is invalid.
    """
    quote_sign, inner = token[0], token[1:-1]
    text = inner if quote_sign == "`" or "\\" not in inner else _unescape(inner, quote_sign)
    return _decode(text)


def _unescape(inner: str, quote_sign: str) -> str:
    def one(found: re.Match[str]) -> str:
        plain = found["plain"]
        if found["wrong"] or (plain in {"'", '"'} and plain != quote_sign):
            raise ValueError(f"unknown escape sequence {found[0]!r}")
        return _PLAIN[plain] if plain else _character(found)

    return _ESCAPE.sub(one, inner)


def _character(found: re.Match[str]) -> str:
    if byte := found["hex"] or found["octal"]:
        number = int(byte, 16 if found["hex"] else 8)
        return chr(number) if number < _FIRST_NON_ASCII else chr(0xDC00 + number)
    number = int(found["short"] or found["long"], 16)
    if number > _LAST_CODE_POINT or 0xD800 <= number < 0xE000:  # noqa: PLR2004 # surrogates
        raise ValueError(f"escape sequence {found[0]!r} is no character")
    return chr(number)


def _decode(text: str) -> str:
    """Join bytes that were escaped one by one; bytes that are not UTF-8 are replaced."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        raise ValueError("half a character in quoted string") from None


def quote(text: str) -> str:
    """Return a text in double quotes, as in Prometheus's messages."""
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(short.get(one, one) for one in text) + '"'
