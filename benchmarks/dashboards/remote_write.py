"""Writes samples to a Prometheus by remote write.

https://prometheus.io/docs/concepts/remote_write_spec/ and
https://github.com/google/snappy/blob/main/format_description.txt. This module encodes protobuf and
Snappy itself, because many series share their samples, whose bytes are then encoded once: a million
series take seconds.
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
SERIES_PER_REQUEST = 2000
LITERAL = 0xFC
"""The tag of Snappy for a literal whose length is in the four bytes that follow."""

Labels = Mapping[str, str]


def varint(number: int) -> bytes:
    """An integer in protobuf's encoding: 7 bits per byte, the lowest first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def field(number: int, inside: bytes) -> bytes:
    """A field of protobuf that contains bytes."""
    return bytes([number << 3 | 2]) + varint(len(inside)) + inside


def samples(values: Iterable[tuple[int, float]]) -> bytes:
    """The encoded samples of a series, from milliseconds since 1970 and values."""
    return b"".join(
        field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at)) for at, value in values
    )


def series(name: str, labels: Labels, values: bytes) -> bytes:
    """An encoded series: its sorted labels, without empty ones, and its samples."""
    full = {"__name__": name, **labels}
    pairs = (
        field(1, field(1, key.encode()) + field(2, full[key].encode()))
        for key in sorted(full)
        if full[key]
    )
    return field(1, b"".join(pairs) + values)


def snappy(data: bytes) -> bytes:
    """Bytes in Snappy's format, uncompressed, which the format allows."""
    return varint(len(data)) + bytes([LITERAL]) + struct.pack("<I", len(data) - 1) + data


def write(port: int, made: Iterable[bytes]) -> int:
    """Writes series and returns their number. Raises RuntimeError if Prometheus refuses them."""
    sent, connection = 0, HTTPConnection("127.0.0.1", port, timeout=120)
    for batch in _batches(made):
        connection.request("POST", "/api/v1/write", snappy(b"".join(batch)), HEADERS)
        response = connection.getresponse()
        body = response.read()
        if response.status != 204:
            raise RuntimeError(f"remote write: status {response.status}: {body[:500]!r}")
        sent += len(batch)
    connection.close()
    return sent


def _batches(made: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    batch: list[bytes] = []
    for one in made:
        batch.append(one)
        if len(batch) == SERIES_PER_REQUEST:
            yield batch
            batch = []
    if batch:
        yield batch
