"""The application's own prometheus_client metrics as OpenTelemetry's.

Names stay as the application gave them (a counter's without ``_total``), and so do labels;
a name that ends in its unit comes back from Prometheus unchanged. What becomes of each kind:

- counter: a monotonic sum. Gauge, unknown and stateset: a gauge, the states as attributes.
- histogram: a histogram; its boundaries are its ``le``. Without ``_sum`` it has no sum.
- summary: a histogram of one bucket, which is what count and sum are; quantiles, which
  prometheus_client itself never makes, are a gauge NAME_quantile.
- gaugehistogram: may fall, as no histogram of OpenTelemetry's may, so each of its samples is
  a gauge: NAME_bucket, NAME_gcount and NAME_gsum.
- info: a gauge NAME_info of 1.

What is none of these is left out, and so is a histogram whose buckets fall, hold parts of an
observation, or have no end.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics import export as otel

from sidelight.export.otel_names import UNITS, text
from sidelight.export.otlp_points import Attributes, Times, exemplar, histogram, number
from sidelight.store.user import SUFFIXES, AppFamily, Labels

CUMULATIVE = otel.AggregationTemporality.CUMULATIVE


class Mapped(NamedTuple):
    """What a family became; ``whole`` is whether nothing of it was left out."""

    metrics: list[otel.Metric]
    whole: bool


@dataclass(slots=True)
class _Series:
    """The samples of one histogram or summary."""

    buckets: list[tuple[float, float]] = field(default_factory=list)
    total: float | None = None
    exemplars: list[Exemplar] = field(default_factory=list)


def mapped(family: AppFamily, times: Times) -> Mapped:
    """A family's metrics."""
    suffixes = SUFFIXES.get(family.kind, ())
    known = all(suffix in suffixes for suffix, _ in family.samples)
    if family.kind in {"histogram", "summary"}:
        found = _histogram(family, times)
    else:
        gauges = [_numbers(family, suffix, times) for suffix in suffixes]
        found = Mapped(gauges, whole=True)
    there = [metric for metric in found.metrics if metric.data.data_points]
    return Mapped(there, found.whole and known)


def _numbers(family: AppFamily, suffix: str, times: Times, name: str = "") -> otel.Metric:
    points = [
        number(_attributes(labels), value, times, _exemplars(family, suffix, labels))
        for (found, labels), value in family.samples.items()
        if found == suffix
    ]
    if family.kind == "counter":
        return _metric(family, family.name, otel.Sum(points, CUMULATIVE, is_monotonic=True))
    return _metric(family, name or family.name + suffix, otel.Gauge(points))


def _histogram(family: AppFamily, times: Times) -> Mapped:
    points = [_point(labels, series, times) for labels, series in _gathered(family).items()]
    sound = [point for point in points if point is not None]
    metrics = [_metric(family, family.name, otel.Histogram(sound, CUMULATIVE))]
    if family.kind == "summary":
        metrics.append(_numbers(family, "", times, family.name + "_quantile"))
    return Mapped(metrics, len(sound) == len(points))


def _gathered(family: AppFamily) -> dict[Labels, _Series]:
    """Samples that belong together. A summary's count is its one bucket."""
    found: dict[Labels, _Series] = {}
    for (suffix, labels), value in family.samples.items():
        if suffix == "":
            continue
        own = tuple(pair for pair in labels if suffix != "_bucket" or pair[0] != "le")
        series = found.setdefault(own, _Series())
        if suffix == "_sum":
            series.total = value
        elif suffix == "_bucket":
            series.buckets.append((_end(labels), value))
            series.exemplars += _exemplars(family, suffix, labels)
        elif suffix == "_count" and family.kind == "summary":
            series.buckets.append((math.inf, value))
    return found


def _end(labels: Labels) -> float:
    try:
        return float(dict(labels)["le"])
    except (KeyError, ValueError):
        return math.nan


def _point(labels: Labels, series: _Series, times: Times) -> otel.HistogramDataPoint | None:
    buckets = sorted(series.buckets)
    ends = [end for end, _ in buckets]
    rising = all(low < high for low, high in pairwise(ends))  # which also means that none is NaN
    if not rising or ends[-1:] != [math.inf]:
        return None
    heights = [0.0, *(height for _, height in buckets)]
    counts = [high - low for low, high in pairwise(heights)]
    if not all(count >= 0 and count.is_integer() for count in counts):
        return None
    whole = [int(count) for count in counts]
    return histogram(
        _attributes(labels),
        whole,
        ends[:-1],
        times,
        total=series.total,
        exemplars=series.exemplars,
    )


def _attributes(labels: Labels) -> Attributes:
    return {text(name): text(value) for name, value in labels if value}


def _exemplars(family: AppFamily, suffix: str, labels: Labels) -> list[Exemplar]:
    given = family.exemplars.get((suffix, labels))
    found = exemplar(dict(given[0]), given[1], given[2]) if given else None
    return [] if found is None else [found]


def _metric(family: AppFamily, name: str, data: otel.DataT) -> otel.Metric:
    """A unit is told only where the name has it, else Prometheus would put it there."""
    unit = family.unit if family.unit and name.endswith("_" + family.unit) else ""
    sign = UNITS.get(unit) or (f"{{{text(unit)}}}" if unit else "")
    return otel.Metric(text(name), text(family.help), sign, data)
