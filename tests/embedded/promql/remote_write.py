"""The sender of remote write 1.0, the only way to put staleness markers into Prometheus.

https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

import http.client
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import cramjam
import numpy as np

from sidelight.embedded.promql.storage import ABSENT_BITS, SampleBlock

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
PATIENCE = 60.0
BYTES_A_REQUEST = 16 << 20
"""Prometheus refuses more than 32 MiB."""


class Exemplar(NamedTuple):
    """An exemplar of a series: its own labels, its value, and its time in milliseconds."""

    labels: Mapping[str, str]
    value: float
    time: int


def send(port: int, blocks: Iterable[SampleBlock]) -> None:
    """Send all samples to the Prometheus on this port."""
    _write(port, [one for block in blocks for one in _series(block)])


def send_exemplars(
    port: int, found: Iterable[tuple[Mapping[str, str], Sequence[Exemplar]]]
) -> None:
    """Send exemplars of series that the Prometheus on this port has."""
    _write(
        port,
        [
            _message(1, b"".join([*_labels(labels), *map(_exemplar, many)]))
            for labels, many in found
        ],
    )


def _write(port: int, series: Sequence[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        for batch in _batches(series):
            body = bytes(cramjam.snappy.compress_raw(batch))
            connection.request("POST", "/api/v1/write", body, HEADERS)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status in {200, 204}, (answer.status, said)
    finally:
        connection.close()


def _batches(series: Sequence[bytes]) -> Iterator[bytes]:
    batch = bytearray()
    for one in series:
        if batch and len(batch) + len(one) > BYTES_A_REQUEST:
            yield bytes(batch)
            batch.clear()
        batch += one
    yield bytes(batch)


def _series(block: SampleBlock) -> Iterator[bytes]:
    """Encode WriteRequest.timeseries of each row with samples."""
    bits = block.values.view(np.int64)
    for labels, row in zip(block.labels, bits, strict=True):
        there = np.flatnonzero(row != ABSENT_BITS)
        samples = [_sample(int(row[n]), int(block.times[n])) for n in there]
        if samples:
            yield _message(1, b"".join([*_labels(labels), *samples]))


def _labels(labels: Mapping[str, str]) -> Iterator[bytes]:
    """Encode TimeSeries.labels, sorted by name."""
    for name, value in sorted(labels.items()):
        yield _message(1, _message(1, name.encode()) + _message(2, value.encode()))


def _sample(bits: int, time: int) -> bytes:
    """Encode TimeSeries.samples; the value keeps its bits."""
    return _message(2, b"\x09" + struct.pack("<q", bits) + b"\x10" + _varint(time))


def _exemplar(one: Exemplar) -> bytes:
    """Encode TimeSeries.exemplars."""
    value = b"\x11" + struct.pack("<d", one.value) + b"\x18" + _varint(one.time)
    return _message(3, b"".join(_labels(one.labels)) + value)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Encode seven bits a byte, the lowest first. ``value`` is not negative."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
