"""Strings in Go's quotes: those of a query are read, those of messages are written.

Bytes that are not UTF-8 are single characters, as ``surrogateescape`` decodes them.
"""

import re
from typing import Final

_ESCAPE: Final = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\'\"])|x(?P<hex>[0-9a-fA-F]{2})|u(?P<short>[0-9a-fA-F]{4})"
    r"|U(?P<long>[0-9a-fA-F]{8})|(?P<octal>[0-3][0-7]{2})|(?P<wrong>.))",
    re.DOTALL,
)
_PLAIN: Final = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))
_FIRST_NON_ASCII: Final = 0x80
_LAST_CODE_POINT: Final = 0x10FFFF
_LAST_OF_FOUR_DIGITS: Final = 0xFFFF


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
    """Join bytes that were escaped one by one; those that are not UTF-8 stay single."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise ValueError("half a character in quoted string") from None


_SHORT: Final = {sign: f"\\{letter}" for letter, sign in _PLAIN.items() if letter != "'"}
_FIRST_PLAIN: Final = 0x20
_DELETE: Final = 0x7F
_BYTES: Final = range(0xDC80, 0xDD00)


def quote(text: str) -> str:
    """Return a text in double quotes, as Go's ``strconv.Quote`` writes it in messages."""
    return '"' + "".join(map(_quoted, text)) + '"'


def _quoted(one: str) -> str:
    code = ord(one)
    if one in _SHORT:
        return _SHORT[one]
    if code < _FIRST_PLAIN or code == _DELETE:
        return f"\\x{code:02x}"
    if code in _BYTES:
        return f"\\x{code - _BYTES.start + _FIRST_NON_ASCII:02x}"
    if one.isprintable():
        return one
    return f"\\u{code:04x}" if code <= _LAST_OF_FOUR_DIGITS else f"\\U{code:08x}"


def is_utf8(text: str) -> bool:
    """Return whether a text has no bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def replace_invalid_bytes(text: str) -> str:
    """Replace each byte that is not UTF-8 with U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
