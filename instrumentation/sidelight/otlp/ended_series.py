"""The end of a series: without it, a receiver goes on to show the last value.

A point without a recorded value says so, and Prometheus stores it as a staleness marker
(https://opentelemetry.io/docs/specs/otel/metrics/data-model/#no-recorded-value).
"""

import time
from collections.abc import Container, Iterator
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest as Request,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    DataPointFlags,
    Metric,
    ResourceMetrics,
    ScopeMetrics,
)

from sidelight.contract import NANOSECONDS

ENDED = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
MILLISECOND = NANOSECONDS // 1000
SeriesId = tuple[Any, ...]


class EndedSeries:
    """Adds to each request the ends of the series that it no longer has."""

    def __init__(self) -> None:
        self._last = Request()  # with all that the receiver may have
        self._values = slice(0)

    @property
    def any_left(self) -> bool:
        """Whether the receiver may have a series that has not ended."""
        return any(True for _ in _series(self._last))

    def add_to(self, request: Request, *, final: bool) -> None:
        """Add the end of each series that the last request had and this one does not have.

        It is dated a millisecond before the values, and comes first: so a receiver for which two
        resources are one has the value last. With ``final`` the series of the request end too,
        a millisecond after their values.
        """
        now = _time_of(request)
        values = list(request.resource_metrics)
        before = list(_ends(self._last, now - MILLISECOND, present=set(_series(request))))
        after = list(_ends(request, now + MILLISECOND, present=())) if final else []
        del request.resource_metrics[:]
        request.resource_metrics.extend([*before, *values, *after])
        self._last = request
        self._values = slice(len(before), len(before) + (0 if final else len(values)))

    def note_arrival(self) -> None:
        """The last request arrived, and with it its ends; else they are sent again."""
        values = self._last.resource_metrics[self._values]
        self._last = Request(resource_metrics=values)


def _time_of(request: Request) -> int:
    """The time of the request's values, which all have the same; now if there are none."""
    for _, metric in _metrics(request):
        for point in _data(metric).data_points:
            time_of_point: int = point.time_unix_nano
            return time_of_point
    return time.time_ns()


def _metrics(request: Request) -> Iterator[tuple[frozenset[bytes], Metric]]:
    """Each metric, with the attributes of its resource."""
    for given in request.resource_metrics:
        resource = _attributes(given.resource)
        for scope in given.scope_metrics:
            for metric in scope.metrics:
                yield resource, metric


def _series(request: Request) -> Iterator[SeriesId]:
    for resource, metric in _metrics(request):
        for point in _data(metric).data_points:
            yield _series_id(resource, metric, point)


def _series_id(resource: frozenset[bytes], metric: Metric, point: Any) -> SeriesId:
    return resource, metric.name, metric.unit, metric.WhichOneof("data"), _attributes(point)


def _attributes(holder: Any) -> frozenset[bytes]:
    """The attributes of a resource or a point, in any order."""
    return frozenset(pair.SerializeToString() for pair in holder.attributes)


def _data(metric: Metric) -> Any:
    """A gauge, a sum or a histogram."""
    return getattr(metric, metric.WhichOneof("data") or "gauge")


def _ends(request: Request, when: int, present: Container[SeriesId]) -> Iterator[ResourceMetrics]:
    """The ends of a request's series, without those that are present."""
    for given in request.resource_metrics:
        resource = _attributes(given.resource)
        found = ResourceMetrics(resource=given.resource, schema_url=given.schema_url)
        for scope in given.scope_metrics:
            metrics = [_end(metric, resource, when, present) for metric in scope.metrics]
            left = [metric for metric in metrics if _data(metric).data_points]
            if left:
                found.scope_metrics.append(
                    ScopeMetrics(scope=scope.scope, schema_url=scope.schema_url, metrics=left)
                )
        if found.scope_metrics:
            yield found


def _end(
    metric: Metric, resource: frozenset[bytes], when: int, present: Container[SeriesId]
) -> Metric:
    """A metric with the ends of its series that are not present; their values are the last ones."""
    ended = Metric()
    ended.CopyFrom(metric)
    data = _data(ended)
    points = [p for p in data.data_points if _series_id(resource, metric, p) not in present]
    for point in points:
        point.time_unix_nano = when
        point.flags = ENDED
        del point.exemplars[:]
    del data.data_points[:]
    data.data_points.extend(points)
    return ended
