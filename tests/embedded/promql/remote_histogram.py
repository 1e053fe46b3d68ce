"""Native histograms in remote write 1.0: TimeSeries.histograms, with counts as floats.

https://github.com/prometheus/prometheus/blob/main/prompb/types.proto
"""

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from sidelight.embedded.promql.float_histogram import Buckets, FloatHistogram
from tests.embedded.promql.varints import message, varint

HINTS: Final = ("unknown", "reset", "not_reset", "gauge")


def histogram_message(one: FloatHistogram, time: int) -> bytes:
    """Encode TimeSeries.histograms."""
    return message(4, b"".join(_fields(one, time)))


def _fields(one: FloatHistogram, time: int) -> Iterator[bytes]:
    yield _double(2, one.count) + _double(3, one.sum)
    yield varint(4 << 3) + varint((one.schema << 1 ^ one.schema >> 31) & 0xFFFFFFFF)
    yield _double(5, one.zero_threshold) + _double(7, one.zero_count)
    yield from _side(8, 10, one.negative)
    yield from _side(11, 13, one.positive)
    yield varint(14 << 3) + varint(HINTS.index(one.hint))
    yield varint(15 << 3) + varint(time)
    yield _doubles(16, one.bounds)


def _side(spans: int, counts: int, buckets: Buckets) -> Iterator[bytes]:
    end = 0
    for run in np.split(buckets.indexes, np.flatnonzero(np.diff(buckets.indexes) > 1) + 1):
        if len(run):
            gap = int(run[0]) - end
            offset = varint(1 << 3) + varint((gap << 1 ^ gap >> 31) & 0xFFFFFFFF)
            yield message(spans, offset + varint(2 << 3) + varint(len(run)))
            end = int(run[-1]) + 1
    yield _doubles(counts, tuple(buckets.counts.tolist()))


def _double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def _doubles(number: int, values: tuple[float, ...]) -> bytes:
    return message(number, struct.pack(f"<{len(values)}d", *values)) if values else b""
