"""The parts of protobuf messages: numbers of variable length, and messages inside messages."""


def message(number: int, content: bytes) -> bytes:
    """Encode a field that has a length."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """Encode seven bits a byte, the lowest first. ``value`` is not negative."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
