"""Go's quoted texts: what they mean, and how a text is quoted."""

import re
from typing import Final

_ESCAPE: Final = re.compile(
    r"\\(?:(?P<plain>[abfnrtv\\'\"])|x(?P<hex>[0-9a-fA-F]{2})|u(?P<short>[0-9a-fA-F]{4})"
    r"|U(?P<long>[0-9a-fA-F]{8})|(?P<octal>[0-3][0-7]{2})|(?P<wrong>.))",
    re.DOTALL,
)
_PLAIN: Final = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))
_BYTE: Final = 0x80
_LAST: Final = 0x10FFFF


def unquote(token: str) -> str:
    """The text in quotes of any of the three kinds. `ValueError` if an escape is wrong."""
    quote, inner = token[0], token[1:-1]
    text = inner if quote == "`" or "\\" not in inner else _unescaped(inner, quote)
    return _readable(text)


def _unescaped(inner: str, quote: str) -> str:
    def one(found: re.Match[str]) -> str:
        plain = found["plain"]
        if found["wrong"] or (plain in {"'", '"'} and plain != quote):
            raise ValueError(f"unknown escape sequence {found[0]!r}")
        return _PLAIN[plain] if plain else _character(found)

    return _ESCAPE.sub(one, inner)


def _character(found: re.Match[str]) -> str:
    if byte := found["hex"] or found["octal"]:
        number = int(byte, 16 if found["hex"] else 8)
        return chr(number) if number < _BYTE else chr(0xDC00 + number)
    number = int(found["short"] or found["long"], 16)
    if number > _LAST or 0xD800 <= number < 0xE000:  # noqa: PLR2004 # what Unicode has no use for
        raise ValueError(f"escape sequence {found[0]!r} is no character")
    return chr(number)


def _readable(text: str) -> str:
    """Bytes that were escaped one by one, put together; what is no UTF-8 is replaced."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        raise ValueError("half a character in quoted string") from None


def quoted(text: str) -> str:
    """A text in double quotes, as Prometheus's messages have it."""
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(short.get(one, one) for one in text) + '"'
