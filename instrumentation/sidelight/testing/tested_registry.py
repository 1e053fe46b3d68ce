"""The metrics of a registry of prometheus_client, and what was added since another moment."""

from collections import Counter
from contextlib import suppress
from itertools import pairwise
from math import inf
from typing import Any

from sidelight.app_metrics.families import AppFamily
from sidelight.app_metrics.registry import collectors, default_registry, families_of
from sidelight.testing.metric_data import (
    Bucket,
    Labels,
    MetricData,
    MetricFamily,
    MetricSeries,
    since,
)


class TestedRegistry:
    """A registry, and what was in it. None is the default one, which may not be there yet."""

    __test__ = False  # for pytest, which takes it for a class of tests

    def __init__(self, registry: Any) -> None:
        self._registry = registry
        self._before = self._read()

    def added(self) -> MetricData:
        """What was added since; gauges as they are now."""
        return since(self._read(), self._before)

    def _read(self) -> MetricData:
        source = default_registry() if self._registry is None else self._registry
        found: list[AppFamily] = []
        for collector in [] if source is None else collectors(source):
            with suppress(Exception):  # as in a scrape, one that fails does not affect the others
                found += families_of(collector)
        return {family.name: _family(family) for family in found}


def _family(found: AppFamily) -> MetricFamily:
    names = tuple({name: None for _, labels in found.samples for name, _ in labels if name != "le"})
    family = MetricFamily(found.name, found.kind, names)
    cumulative: dict[Labels, list[Bucket]] = {}
    for (suffix, labels), value in found.samples.items():
        plain = tuple(pair for pair in labels if pair[0] != "le")
        if suffix == "_bucket":
            cumulative.setdefault(plain, []).append((float(dict(labels)["le"]), value))
        elif suffix == "_count":
            family.add(
                plain, MetricSeries(0.0, Counter() if found.kind == "histogram" else _all(value))
            )
        else:
            family.add(plain, MetricSeries(value))
    for plain, buckets in cumulative.items():
        edges = sorted([(0.0, 0.0), *buckets])
        counts = {(a[0], b[0]): int(b[1] - a[1]) for a, b in pairwise(edges)}
        family.add(plain, MetricSeries(0.0, Counter(counts)))
    return family


def _all(count: float) -> Counter[Bucket]:
    """A summary has the one bucket that everything falls into."""
    return Counter({(0.0, inf): int(count)})
