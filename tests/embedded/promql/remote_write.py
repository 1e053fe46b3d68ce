"""The sender of remote write 1.0, the only way to put staleness markers into Prometheus.

https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

import http.client
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import cramjam
import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.storage import ABSENT_BITS, SampleBlock

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
PATIENCE = 60.0
BYTES_A_REQUEST = 16 << 20
"""Prometheus refuses more than 32 MiB."""
TIME_BYTES = 6
"""Until the year 2109."""
HEAD = bytes((0x12, 1 + 8 + 1 + TIME_BYTES, 0x09))
"""TimeSeries.samples, its length, and Sample.value."""
SAMPLE = np.dtype(
    [
        ("head", np.uint8, len(HEAD)),
        ("bits", "<i8"),
        ("tag", np.uint8),
        ("time", np.uint8, TIME_BYTES),
    ]
)


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
    """Encode WriteRequest.timeseries of each row with samples, which keep their bits."""
    samples = np.empty(block.times.shape, SAMPLE)
    samples["head"] = np.frombuffer(HEAD, np.uint8)
    samples["tag"] = 0x10
    samples["time"] = _varints(block.times)
    for labels, row in zip(block.labels, block.values.view(np.int64), strict=True):
        there = row != ABSENT_BITS
        if there.any():
            samples["bits"] = row
            yield _message(1, b"".join([*_labels(labels), samples[there].tobytes()]))


def _varints(times: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Encode times in `TIME_BYTES` each: as `_varint` does, and as many where it needs fewer."""
    assert times.min() >= 0
    assert times.max() < 1 << 7 * TIME_BYTES
    found = times[:, None] >> 7 * np.arange(TIME_BYTES) & 0x7F
    found[:, :-1] |= 0x80
    return found.astype(np.uint8)


def _labels(labels: Mapping[str, str]) -> Iterator[bytes]:
    """Encode TimeSeries.labels, sorted by name."""
    for name, value in sorted(labels.items()):
        yield _message(1, _message(1, name.encode()) + _message(2, value.encode()))


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
