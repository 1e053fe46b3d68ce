"""A record of fixed size: a checksum, a length, and JSON.

So a reader in another process can distinguish a complete record from one that is being written.
"""

import struct
import zlib
from json import dumps
from typing import Any

HEAD = struct.Struct("<IH")


def packed(fields: dict[str, Any], size: int) -> bytes | None:
    """The bytes of a record; None where the fields have no room in it."""
    text = dumps(fields, separators=(",", ":")).encode()
    if len(text) > size - HEAD.size:
        return None
    body = struct.pack("<H", len(text)) + text
    return (struct.pack("<I", zlib.crc32(body)) + body).ljust(size, b"\0")


def text_at(data: bytes, at: int) -> bytes:
    """The JSON of the record at a byte; empty without a complete one."""
    if at + HEAD.size > len(data):
        return b""
    checksum, length = HEAD.unpack_from(data, at)
    text = data[at + HEAD.size : at + HEAD.size + length]
    return text if length and checksum == zlib.crc32(data[at + 4 : at + 6] + text) else b""
