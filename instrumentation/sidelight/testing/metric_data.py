"""The metrics of a file at one moment, and what was added since another."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from sidelight.contract import METRICS, WORKER
from sidelight.cooperative import run_to_end
from sidelight.export.collector import Collector
from sidelight.store.directory_reader import DirectoryReader

Labels = tuple[tuple[str, str], ...]
Bucket = tuple[float, float]
"""What a bucket lies between; the second is in it."""
GROWING = frozenset({"counter", "histogram", "summary"})


@dataclass(slots=True)
class MetricSeries:
    """``value`` is that of a counter or gauge, and the sum of a histogram or summary."""

    value: float = 0.0
    buckets: Counter[Bucket] = field(default_factory=Counter)

    def add(self, other: "MetricSeries", sign: int = 1) -> None:
        """Add another series to this one, or take it away."""
        self.value += sign * other.value
        for bucket, count in other.buckets.items():
            self.buckets[bucket] += sign * count

    @property
    def count(self) -> int:
        """Observations of a histogram or summary."""
        return sum(self.buckets.values())


@dataclass(slots=True)
class MetricFamily:
    """One metric: its kind, the names of its labels, and its series by their labels."""

    name: str
    kind: str
    names: tuple[str, ...]
    series: dict[Labels, MetricSeries] = field(default_factory=dict)

    @property
    def highest(self) -> bool:
        """Whether of two values the higher one stands for both: an age, or one loop's figure."""
        return self.kind == "gauge" and (WORKER in self.names or self.name.endswith("_seconds"))

    def add(self, labels: Labels, series: MetricSeries) -> None:
        """Add to one of the series; it is made if there is none."""
        before = self.series.setdefault(labels, MetricSeries())
        if self.highest:
            before.value = max(before.value, series.value)
        else:
            before.add(series)


MetricData = dict[str, MetricFamily]


def since(now: MetricData, before: MetricData) -> MetricData:
    """What was added; gauges are as they are now."""
    for name, former in before.items():
        family = now.get(name)
        if family is not None and family.kind in GROWING:
            for labels, series in former.series.items():
                family.series.setdefault(labels, MetricSeries()).add(series, -1)
    return now


def lasting(data: MetricData) -> MetricData:
    """What stays true of an application that has stopped: everything but its gauges."""
    return {name: family for name, family in data.items() if family.kind in GROWING}


def joined(process: MetricData, applications: Iterable[MetricData]) -> MetricData:
    """The data of several applications of one process.

    What belongs to the process is in the files of all of them, so it is taken from
    ``process`` alone.
    """
    own = {(name, labels) for name, family in process.items() for labels in family.series}
    for data in applications:
        for name, family in data.items():
            found = process.setdefault(name, MetricFamily(name, family.kind, family.names))
            for labels, series in family.series.items():
                if (name, labels) not in own:
                    found.add(labels, series)
    return process


def read(name: str, fd: int) -> MetricData:
    """What the file of a worker holds."""
    snapshot = run_to_end(Collector(DirectoryReader(None, (name, fd))).collect())
    data: MetricData = {}
    for key, values in snapshot.sums.items():
        metric = METRICS[key.family.name]
        family = data.setdefault(metric.name, MetricFamily(metric.name, metric.kind, metric.labels))
        series = MetricSeries(values[0] / metric.divisor)
        if len(values) > 1:
            edges = pairwise((0.0, *key.family.bounds, inf))
            series.buckets.update(dict(zip(edges, values[1:], strict=True)))
        family.add(tuple(zip(metric.labels, key.labels, strict=False)), series)
    return data
