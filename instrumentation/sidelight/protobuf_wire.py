"""Fields of protobuf messages, as https://protobuf.dev/programming-guides/encoding/ has them.

Each field that is written here has a number below 16, so its key is one byte.
"""

import struct
from functools import lru_cache

MAX_UINT64 = (1 << 64) - 1
_MORE = 1 << 7
"""The bit that says that another byte follows."""
_BYTES = [bytes((value,)) for value in range(256)]
packed = struct.Struct("<d").pack
"""The bytes of a double."""


def varint(value: int) -> bytes:
    """A whole number: seven bits a byte, the lowest first. A negative one is 64 bits long."""
    value &= MAX_UINT64
    if value < _MORE:
        return _BYTES[value]
    if value < _MORE * _MORE:
        return bytes((value % _MORE | _MORE, value >> 7))
    digits = bytearray()
    while value >= _MORE:
        digits.append(value % _MORE | _MORE)
        value >>= 7
    digits.append(value)
    return bytes(digits)


@lru_cache(maxsize=4096)
def zigzag(value: int) -> bytes:
    """A whole number of the types sint32 and sint64: small negative ones are short too."""
    return varint(2 * value if value >= 0 else -2 * value - 1)


def whole(field: int, value: int) -> bytes:
    """A field of an integer type."""
    return _BYTES[field << 3] + varint(value)


def signed(field: int, value: int) -> bytes:
    """A field of the types sint32 and sint64."""
    return _BYTES[field << 3] + zigzag(value)


def double(field: int, value: float) -> bytes:
    """A field of the type double."""
    return _BYTES[field << 3 | 1] + packed(value)


def message(field: int, content: bytes) -> bytes:
    """A field that is a message, a text, or packed numbers."""
    return _BYTES[field << 3 | 2] + varint(len(content)) + content


def optional(field: int, content: bytes) -> bytes:
    """The same field, and none for no content."""
    return message(field, content) if content else b""
