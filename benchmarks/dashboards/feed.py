"""Samples of the past into a Prometheus, by remote write: protobuf and Snappy by hand.

https://prometheus.io/docs/concepts/remote_write_spec/ and
https://github.com/google/snappy/blob/main/format_description.txt. Written by hand, since many
series share the same samples, whose bytes are then made once: a million series are seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http.client import HTTPConnection

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
AT_ONCE = 2000
"""Series in one request."""
LITERAL = 0xFC
"""Snappy's tag of a literal whose length is in the four bytes that follow."""

Labels = Mapping[str, str]


def varint(number: int) -> bytes:
    """A whole number as protobuf has it: 7 bits a byte, the lowest first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def field(number: int, inside: bytes) -> bytes:
    """A field of protobuf that holds bytes."""
    return bytes([number << 3 | 2]) + varint(len(inside)) + inside


def samples(values: Iterable[tuple[int, float]]) -> bytes:
    """Milliseconds since 1970 and values, as the samples of a series."""
    return b"".join(
        field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at)) for at, value in values
    )


def series(name: str, labels: Labels, values: bytes) -> bytes:
    """One series: its labels in order, empty ones left out as a scrape does, and its samples."""
    full = {"__name__": name, **labels}
    pairs = (
        field(1, field(1, key.encode()) + field(2, full[key].encode()))
        for key in sorted(full)
        if full[key]
    )
    return field(1, b"".join(pairs) + values)


def snappy(data: bytes) -> bytes:
    """Bytes in Snappy's format, as they are: it may leave everything uncompressed."""
    return varint(len(data)) + bytes([LITERAL]) + struct.pack("<I", len(data) - 1) + data


def write(port: int, made: Iterable[bytes]) -> int:
    """Send series to a Prometheus on this machine; how many. Raises RuntimeError if it refuses."""
    sent, connection = 0, HTTPConnection("127.0.0.1", port, timeout=120)
    for some in _some(made):
        connection.request("POST", "/api/v1/write", snappy(b"".join(some)), HEADERS)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 204:
            raise RuntimeError(f"remote write was answered {answer.status}: {said[:500]!r}")
        sent += len(some)
    connection.close()
    return sent


def _some(made: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    some: list[bytes] = []
    for one in made:
        some.append(one)
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some
