"""How OTLP becomes Prometheus's samples, written from the specification and from the collector.

https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

import re
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

from tests.live.otlp_receiver import attributes, points

WORDS = {"s": "seconds", "By": "bytes", "": ""}
Sample = tuple[str, frozenset[tuple[str, str]]]


def by_specification(name: str, unit: str, kind: str, *, monotonic: bool = False) -> str:
    """The unit's word is added unless it is the name's end, and then ``_total``."""
    base = re.sub("[^a-zA-Z0-9_:]+", "_", name)
    word = "ratio" if unit == "1" and kind == "gauge" else WORDS[re.sub("{.*}", "", unit)]
    base = base.removesuffix("_total") if monotonic else base
    base += f"_{word}" if word and not base.endswith(f"_{word}") else ""
    return base + ("_total" if monotonic else "")


def by_collector(name: str, unit: str, kind: str, *, monotonic: bool = False) -> str:
    """The unit's word is added unless it is one of the name's words."""
    words = [word for word in re.split("[^a-zA-Z0-9]+", name) if word]
    word = "ratio" if unit == "1" and kind == "gauge" else WORDS[re.sub("{.*}", "", unit)]
    words += [word] if word and word not in words else []
    words = [*(word for word in words if word != "total"), "total"] if monotonic else words
    return "_".join(words)


def label(name: str) -> str:
    """A label's name."""
    return re.sub("[^a-zA-Z0-9_]", "_", name)


def kind_of(metric: Any) -> tuple[str, bool]:
    """gauge, sum or histogram, and whether it is a sum that never falls."""
    kind = metric.WhichOneof("data")
    return kind, kind == "sum" and metric.sum.is_monotonic


def samples(metrics: Iterable[Any]) -> dict[Sample, float]:
    """Every sample, as a page of Prometheus would show it."""
    found: dict[Sample, float] = {}
    for metric in metrics:
        kind, monotonic = kind_of(metric)
        name = by_specification(metric.name, metric.unit, kind, monotonic=monotonic)
        for point in points(metric):
            labels = {label(key): str(value) for key, value in attributes(point).items()}
            assert len(labels) == len(attributes(point))
            for suffix, more, value in _values(kind, point):
                sample = name + suffix, frozenset({**labels, **more}.items())
                assert sample not in found, f"twice: {sample}"
                found[sample] = value
    return found


def _values(kind: str, point: Any) -> Iterable[tuple[str, dict[str, str], float]]:
    if kind != "histogram":
        yield "", {}, getattr(point, point.WhichOneof("value"))
        return
    ends = [*map(repr, point.explicit_bounds), "+Inf"]
    for end, count in zip(ends, accumulate(point.bucket_counts), strict=True):
        yield "_bucket", {"le": end}, count
    yield "_count", {}, point.count
    if point.HasField("sum"):
        yield "_sum", {}, point.sum
