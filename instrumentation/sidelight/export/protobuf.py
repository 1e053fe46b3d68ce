"""A snapshot in Prometheus's protobuf format, in pieces: the samples of the text format.

A family has its length before it, so it is sent when its last series is encoded. A series that has
not changed since it was last encoded is sent as it was then.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import accumulate

from sidelight import client_model
from sidelight.app_metrics.protobuf import render_family
from sidelight.contract import METRICS, Metric
from sidelight.export.prometheus import PIECE, shown_name
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.store.reader import StoredExemplar
from sidelight.text_format import Escaping

Content = tuple[tuple[int, ...], Mapping[int, StoredExemplar] | None, int, Escaping]
"""All that the bytes of a series depend on: values, exemplars by bucket, start, and escaping."""


def render(snapshot: Snapshot, escaping: Escaping = Escaping.UNDERSCORES) -> Iterator[bytes]:
    """The families of a snapshot, with empty pieces between, for the event loop's turns."""
    by_name, exemplars = snapshot.by_name(), snapshot.exemplars_by_series()
    sums, created = snapshot.sums, snapshot.created
    for name, metric in METRICS.items():
        keys, encoded = by_name.get(name, []), []
        for start in range(0, len(keys), PIECE):
            for key in keys[start : start + PIECE]:
                content = sums[key], exemplars.get(key), created.get(key, 0), escaping
                encoded.append(_encoded(metric, key, content))
            yield b""
        if encoded:
            shown = shown_name(metric, escaping)
            yield client_model.family(shown, metric.kind, metric.help, metric.unit, encoded)
    for family in snapshot.app_families.values():
        yield from render_family(family, escaping)


def _encoded(metric: Metric, key: SeriesKey, content: Content) -> bytes:
    before, encoded = key.encoded
    if before != content:
        labels = _label_pairs(metric, key, content[-1])
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
    values, exemplars, created, _ = content
    value = values[0] / metric.divisor
    traced = {at: _exemplar(one) for at, one in exemplars.items()} if exemplars else {}
    if metric.kind == "histogram":
        bounds = (*key.family.bounds, math.inf)
        counts = tuple(accumulate(values[1:]))
        return client_model.histogram(counts, value, bounds, traced, created=created)
    if metric.kind == "summary":
        return client_model.summary(values[1], value, created=created)
    if metric.kind == "counter":
        return client_model.counter(value, traced.get(0, b""), created)
    return client_model.gauge(value)


def _exemplar(stored: StoredExemplar) -> bytes:
    ids = ("trace_id", stored.trace_id), ("span_id", stored.span_id)
    return client_model.exemplar(ids, stored.value, stored.seconds)
