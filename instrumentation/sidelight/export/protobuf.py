"""A snapshot in Prometheus's protobuf format, in pieces: the samples of the text format.

A family has its length before it, so it is sent when its last series is encoded. A series that has
not changed since it was last encoded is sent as it was then.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import accumulate
from operator import sub
from typing import NamedTuple

from sidelight import client_model
from sidelight.app_metrics.protobuf import render_family
from sidelight.client_model import NativeBuckets
from sidelight.contract import METRICS, Metric
from sidelight.contract.native_buckets import SCHEMA, ZERO_THRESHOLD
from sidelight.export.native_histogram import NO_VALUES, NativeHistogram, of_values
from sidelight.export.prometheus import PIECE, shown_name
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.store.reader import StoredExemplar
from sidelight.text_format import Escaping


class Content(NamedTuple):
    """All that the bytes of a series depend on; ``stored`` is None without native buckets."""

    values: tuple[int, ...]
    stored: tuple[int, ...] | None
    exemplars: Mapping[int, StoredExemplar] | None
    created: int
    escaping: Escaping


def render(
    snapshot: Snapshot, escaping: Escaping = Escaping.UNDERSCORES, *, native: bool = False
) -> Iterator[bytes]:
    """The families of a snapshot, with empty pieces between, for the event loop's turns.

    ``native`` is whether histograms of durations have native buckets too.
    """
    by_name, exemplars = snapshot.by_name(), snapshot.exemplars_by_series()
    sums, created = snapshot.sums, snapshot.created
    for name, metric in METRICS.items():
        keys, encoded = by_name.get(name, []), []
        for start in range(0, len(keys), PIECE):
            for key in keys[start : start + PIECE]:
                wanted = native and key.family.native
                stored = snapshot.stored.get(key, NO_VALUES) if wanted else None
                content = sums[key], stored, exemplars.get(key), created.get(key, 0), escaping
                encoded.append(_encoded(metric, key, Content(*content)))
            yield b""
        if encoded:
            shown = shown_name(metric, escaping)
            yield client_model.family(shown, metric.kind, metric.help, metric.unit, encoded)
    for family in snapshot.app_families.values():
        yield from render_family(family, escaping)


def _encoded(metric: Metric, key: SeriesKey, content: Content) -> bytes:
    before, encoded = key.encoded
    if before != content:
        labels = _label_pairs(metric, key, content.escaping)
        encoded = client_model.metric(labels, _value(metric, key, content))
        key.encoded = content, encoded
    return encoded


def _label_pairs(metric: Metric, key: SeriesKey, escaping: Escaping) -> bytes:
    """The labels of a series; kept, unless their names are escaped."""
    pairs = zip(metric.labels, key.labels, strict=False)
    if escaping is Escaping.DOTS:
        return client_model.label_pairs(pairs, escaping)
    if not key.label_pairs:
        key.label_pairs = client_model.label_pairs(pairs)
    return key.label_pairs


def _value(metric: Metric, key: SeriesKey, content: Content) -> bytes:
    values, stored, exemplars, created, _ = content
    value = values[0] / metric.divisor
    traced = {at: _exemplar(one) for at, one in exemplars.items()} if exemplars else {}
    if metric.kind == "histogram":
        bounds = (*key.family.bounds, math.inf)
        counts = tuple(accumulate(values[1:]))
        native = _native_buckets(of_values(key.family.bounds, stored)) if stored else None
        return client_model.histogram(counts, value, bounds, traced, created=created, native=native)
    if metric.kind == "summary":
        return client_model.summary(values[1], value, created=created)
    if metric.kind == "counter":
        return client_model.counter(value, traced.get(0, b""), created)
    return client_model.gauge(value)


def _native_buckets(histogram: NativeHistogram) -> NativeBuckets:
    """A native histogram as spans of buckets, and what each count differs by from the last."""
    spans: list[tuple[int, int]] = []
    offset = length = end = 0
    for index, _ in histogram.buckets:
        if index != end:
            spans += [(offset, length)] if length else []
            offset, length = index - end, 0
        length += 1
        end = index + 1
    spans += [(offset, length)] if length else []
    counts = [count for _, count in histogram.buckets]
    deltas = list(map(sub, counts, [0, *counts]))
    return NativeBuckets(SCHEMA, ZERO_THRESHOLD, histogram.zero_count, spans, deltas)


def _exemplar(stored: StoredExemplar) -> bytes:
    ids = ("trace_id", stored.trace_id), ("span_id", stored.span_id)
    return client_model.exemplar(ids, stored.value, stored.seconds)
