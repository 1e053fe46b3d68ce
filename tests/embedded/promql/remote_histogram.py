"""Native histograms in remote write 1.0: TimeSeries.histograms.

Counts are integers where all of them are whole and belong to buckets, as those of a scrape are:
Prometheus stores them in fewer bytes.

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
    whole = _is_whole(one)
    yield _number(1, one.count, whole=whole) + _double(3, one.sum)
    yield varint(4 << 3) + varint(_zigzag(one.schema))
    yield _double(5, one.zero_threshold) + _number(6, one.zero_count, whole=whole)
    yield from _side(8, one.negative, whole=whole)
    yield from _side(11, one.positive, whole=whole)
    yield varint(14 << 3) + varint(HINTS.index(one.hint))
    yield varint(15 << 3) + varint(time)
    yield _doubles(16, one.bounds)


def _is_whole(one: FloatHistogram) -> bool:
    counts = [one.zero_count, *one.negative.counts.tolist(), *one.positive.counts.tolist()]
    whole = all(0 <= count < 2**53 and count.is_integer() for count in counts)
    return whole and one.count == sum(counts)


def _side(spans: int, buckets: Buckets, *, whole: bool) -> Iterator[bytes]:
    """Encode spans of buckets, and their counts, or what each differs by from the one before."""
    end = 0
    for run in np.split(buckets.indexes, np.flatnonzero(np.diff(buckets.indexes) > 1) + 1):
        if len(run):
            offset = varint(1 << 3) + varint(_zigzag(int(run[0]) - end))
            yield message(spans, offset + varint(2 << 3) + varint(len(run)))
            end = int(run[-1]) + 1
    if whole:
        deltas = np.diff(buckets.counts, prepend=0).astype(np.int64).tolist()
        yield message(spans + 1, b"".join(varint(_zigzag(delta)) for delta in deltas))
    else:
        yield _doubles(spans + 2, tuple(buckets.counts.tolist()))


def _zigzag(value: int) -> int:
    return value << 1 ^ value >> 63


def _number(number: int, value: float, *, whole: bool) -> bytes:
    return varint(number << 3) + varint(int(value)) if whole else _double(number + 1, value)


def _double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def _doubles(number: int, values: tuple[float, ...]) -> bytes:
    return message(number, struct.pack(f"<{len(values)}d", *values)) if values else b""
