"""The sender of remote write 1.0, the only way to put staleness markers into Prometheus.

https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

import http.client
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

import cramjam
import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.frame import has_histogram
from sidelight.embedded.promql.storage import ABSENT_BITS, SampleBlock
from tests.embedded.promql.remote_histogram import histogram_message
from tests.embedded.promql.varints import message, varint

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
    """Send all samples to the Prometheus on this port.

    Of each request it takes numbers before histograms. So of a series that has both, the next
    request has the samples after the first change.
    """
    for runs in zip_longest(*(runs for block in blocks for runs in _series(block))):
        _write(port, [one for one in runs if one])


def send_exemplars(
    port: int, found: Iterable[tuple[Mapping[str, str], Sequence[Exemplar]]]
) -> None:
    """Send exemplars of series that the Prometheus on this port has."""
    _write(
        port,
        [message(1, b"".join([*_labels(labels), *map(_exemplar, many)])) for labels, many in found],
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


def _series(block: SampleBlock) -> Iterator[list[bytes]]:
    """Encode WriteRequest.timeseries of each row: a list of runs of numbers or histograms."""
    samples = np.empty(block.times.shape, SAMPLE)
    samples["head"] = np.frombuffer(HEAD, np.uint8)
    samples["tag"] = 0x10
    samples["time"] = _varints(block.times)
    table = has_histogram(block.histograms, block.values.shape)
    for row, labels in enumerate(block.labels):
        samples["bits"] = block.values.view(np.int64)[row]  # which numbers keep
        there = np.flatnonzero((samples["bits"] != ABSENT_BITS) | table[row])
        changes = np.flatnonzero(np.diff(table[row][there])) + 1
        encoded = [_run(block, row, run, samples) for run in np.split(there, changes) if len(run)]
        yield [message(1, b"".join([*_labels(labels), run])) for run in encoded]


def _run(block: SampleBlock, row: int, run: NDArray[np.intp], samples: NDArray[np.void]) -> bytes:
    """Encode samples of one kind."""
    if block.histograms is None or block.histograms[row, run[0]] is None:
        return samples[run].tobytes()
    times = block.times[run].tolist()
    return b"".join(map(histogram_message, block.histograms[row, run], times))


def _varints(times: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Encode times in `TIME_BYTES` each: as `varint` does, and as many where it needs fewer."""
    assert times.min() >= 0
    assert times.max() < 1 << 7 * TIME_BYTES
    found = times[:, None] >> 7 * np.arange(TIME_BYTES) & 0x7F
    found[:, :-1] |= 0x80
    return found.astype(np.uint8)


def _labels(labels: Mapping[str, str]) -> Iterator[bytes]:
    """Encode TimeSeries.labels, sorted by name."""
    for name, value in sorted(labels.items()):
        yield message(1, message(1, name.encode()) + message(2, value.encode()))


def _exemplar(one: Exemplar) -> bytes:
    """Encode TimeSeries.exemplars."""
    value = b"\x11" + struct.pack("<d", one.value) + b"\x18" + varint(one.time)
    return message(3, b"".join(_labels(one.labels)) + value)
