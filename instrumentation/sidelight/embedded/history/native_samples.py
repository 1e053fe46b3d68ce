"""The native histograms of a snapshot as samples, which its text does not have."""

from collections.abc import Iterator
from typing import NamedTuple

from sidelight.contract import METRICS, NANOSECONDS
from sidelight.contract.native_buckets import SCHEMA, ZERO_THRESHOLD
from sidelight.embedded.promql.float_histogram import FloatHistogram, listed_buckets
from sidelight.export.native_histogram import NO_VALUES, of_values
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.text_format import label_set


class NativeSample(NamedTuple):
    """A sample of a series; ``key`` is the text of its name and labels."""

    key: bytes
    histogram: FloatHistogram


def native_samples(snapshot: Snapshot) -> Iterator[NativeSample]:
    """A sample of each series of durations, with the values that protobuf has."""
    for key in snapshot.sums:
        if key.family.native:
            values = snapshot.stored.get(key, NO_VALUES)
            yield NativeSample(_text(key), _histogram(key.family.bounds, values))


def _histogram(bounds: tuple[float, ...], values: tuple[int, ...]) -> FloatHistogram:
    zero_count, buckets = of_values(bounds, values)
    count, total = float(sum(values[1:])), values[0] / NANOSECONDS
    found = listed_buckets(buckets)
    return FloatHistogram(SCHEMA, count, total, ZERO_THRESHOLD, float(zero_count), found)


def _text(key: SeriesKey) -> bytes:
    labels = zip(METRICS[key.family.name].labels, key.labels, strict=False)
    return (key.family.name + label_set(labels)).encode()
