"""The series of a snapshot as data points of OpenTelemetry."""

from dataclasses import dataclass

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics import export as otel

from sidelight.contract import Metric
from sidelight.export.native_histogram import native_histogram
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.otlp.names import attributes
from sidelight.otlp.points import Times, exemplar, exponential_histogram, histogram, number

Series = list[tuple[SeriesKey, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class SeriesPoints:
    """Makes the points of series from their values and what else the snapshot has of them."""

    snapshot: Snapshot
    exemplars: dict[SeriesKey, list[Exemplar]]
    times: Times

    def numbers(self, metric: Metric, series: Series) -> list[otel.NumberDataPoint]:
        """Points of a sum or a gauge."""
        return [
            number(
                attributes(metric.labels, key.labels),
                value if metric.divisor == 1 else value / metric.divisor,
                self._times(key),
                self.exemplars.get(key, ()),
            )
            for key, (value,) in series
        ]

    def histograms(self, metric: Metric, series: Series) -> list[otel.HistogramDataPoint]:
        """Points with the boundaries of each series."""
        return [
            histogram(
                attributes(metric.labels, key.labels),
                counts,
                key.family.bounds,
                self._times(key),
                total=total / metric.divisor,
                exemplars=self.exemplars.get(key, ()),
            )
            for key, (total, *counts) in series
        ]

    def exponential_histograms(
        self, metric: Metric, series: Series
    ) -> list[otel.ExponentialHistogramDataPoint]:
        """Points of the series that are native histograms."""
        return [
            exponential_histogram(
                attributes(metric.labels, key.labels),
                native.zero_count,
                native.buckets,
                self._times(key),
                total=total / metric.divisor,
                exemplars=self.exemplars.get(key, ()),
            )
            for key, (total, *_) in series
            if (native := native_histogram(self.snapshot, key))
        ]

    def _times(self, key: SeriesKey) -> Times:
        """A series starts with its first value, where that is known, else with the directory."""
        start = self.snapshot.created.get(key, self.times.start)
        return Times(min(start, self.times.now), self.times.now)


def points_of(snapshot: Snapshot, times: Times) -> SeriesPoints:
    """For the series of this snapshot."""
    exemplars: dict[SeriesKey, list[Exemplar]] = {}
    for (key, _), stored in snapshot.exemplars.items():
        ids = {"trace_id": stored.trace_id, "span_id": stored.span_id}
        if one := exemplar(ids, stored.value, stored.seconds):
            exemplars.setdefault(key, []).append(one)
    return SeriesPoints(snapshot, exemplars, times)
