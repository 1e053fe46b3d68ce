"""The application's own prometheus_client metrics as OpenTelemetry's.

Names stay as the application gave them (a counter's without ``_total``), and so do labels;
a name that ends in its unit is unchanged in Prometheus. What each kind becomes:

- counter: a monotonic sum. Gauge, unknown and stateset: a gauge, the states as attributes.
- histogram: a histogram; its boundaries are its ``le``. Without ``_sum`` it has no sum.
- summary: a histogram of one bucket, with its count and sum; quantiles, which prometheus_client
  itself never makes, are a gauge NAME_quantile.
- gaugehistogram: its buckets may fall, unlike those of OpenTelemetry's histograms, so each of
  its samples is a gauge: NAME_bucket, NAME_gcount and NAME_gsum.
- info: a gauge NAME_info of 1.

Anything else is left out, and so is a histogram whose buckets fall, count fractions, or have
no infinite boundary.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics import export as otel

from sidelight.app_metrics.families import SUFFIXES, AppFamily, AppLabels, SampleKey
from sidelight.contract import NANOSECONDS
from sidelight.otlp.names import UNITS
from sidelight.otlp.points import Attributes, Times, exemplar, histogram, number
from sidelight.text_format import encodable

CUMULATIVE = otel.AggregationTemporality.CUMULATIVE


class OtlpFamily(NamedTuple):
    """The metrics of a family; ``complete`` is whether nothing of it was left out."""

    metrics: list[otel.Metric]
    complete: bool


@dataclass(slots=True)
class _HistogramSamples:
    """The samples of one histogram or summary."""

    times: Times
    buckets: list[tuple[float, float]] = field(default_factory=list)
    total: float | None = None
    exemplars: list[Exemplar] = field(default_factory=list)


def to_otlp(family: AppFamily, times: Times) -> OtlpFamily:
    """A family's metrics."""
    suffixes = SUFFIXES.get(family.kind, ())
    known = all(suffix in suffixes for suffix, _ in family.samples)
    if family.kind in {"histogram", "summary"}:
        found = _histogram(family, times)
    else:
        gauges = [_numbers(family, suffix, times) for suffix in suffixes]
        found = OtlpFamily(gauges, complete=True)
    present = [metric for metric in found.metrics if metric.data.data_points]
    return OtlpFamily(present, found.complete and known)


def _numbers(family: AppFamily, suffix: str, times: Times, name: str = "") -> otel.Metric:
    points = [
        number(
            _attributes(labels),
            value,
            _times(times, family, (suffix, labels)),
            _exemplars(family, suffix, labels),
        )
        for (found, labels), value in family.samples.items()
        if found == suffix
    ]
    if family.kind == "counter":
        return _metric(family, family.name, otel.Sum(points, CUMULATIVE, is_monotonic=True))
    return _metric(family, name or family.name + suffix, otel.Gauge(points))


def _histogram(family: AppFamily, times: Times) -> OtlpFamily:
    points = [_point(labels, series) for labels, series in _grouped(family, times).items()]
    sound = [point for point in points if point is not None]
    metrics = [_metric(family, family.name, otel.Histogram(sound, CUMULATIVE))]
    if family.kind == "summary":
        metrics.append(_numbers(family, "", times, family.name + "_quantile"))
    return OtlpFamily(metrics, len(sound) == len(points))


def _grouped(family: AppFamily, times: Times) -> dict[AppLabels, _HistogramSamples]:
    """Samples of each histogram or summary. A summary's count is its one bucket."""
    found: dict[AppLabels, _HistogramSamples] = {}
    for (suffix, labels), value in family.samples.items():
        if suffix == "":
            continue
        own = tuple(pair for pair in labels if suffix != "_bucket" or pair[0] != "le")
        series = found.setdefault(own, _HistogramSamples(times))
        series.times = _times(series.times, family, (suffix, labels))
        if suffix == "_sum":
            series.total = value
        elif suffix == "_bucket":
            series.buckets.append((_bound(labels), value))
            series.exemplars += _exemplars(family, suffix, labels)
        elif suffix == "_count" and family.kind == "summary":
            series.buckets.append((math.inf, value))
    return found


def _bound(labels: AppLabels) -> float:
    try:
        return float(dict(labels)["le"])
    except (KeyError, ValueError):
        return math.nan


def _point(labels: AppLabels, series: _HistogramSamples) -> otel.HistogramDataPoint | None:
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
        series.times,
        total=series.total,
        exemplars=series.exemplars,
    )


def _times(times: Times, family: AppFamily, key: SampleKey) -> Times:
    """The times of a point, where a sample has none of its own as given."""
    when, created = family.timestamps.get(key), family.created.get(key)
    now = times.now if when is None else round(when * NANOSECONDS)
    start = times.start if created is None else round(created * NANOSECONDS)
    return Times(min(start, now), now)


def _attributes(labels: AppLabels) -> Attributes:
    return {encodable(name): encodable(value) for name, value in labels if value}


def _exemplars(family: AppFamily, suffix: str, labels: AppLabels) -> list[Exemplar]:
    given = family.exemplars.get((suffix, labels))
    found = exemplar(dict(given[0]), given[1], given[2]) if given else None
    return [] if found is None else [found]


def _metric(family: AppFamily, name: str, data: otel.DataT) -> otel.Metric:
    """A metric; its unit only where the name ends in it, else Prometheus would append it."""
    unit = family.unit if family.unit and name.endswith("_" + family.unit) else ""
    symbol = UNITS.get(unit) or (f"{{{encodable(unit)}}}" if unit else "")
    return otel.Metric(encodable(name), encodable(family.help), symbol, data)
