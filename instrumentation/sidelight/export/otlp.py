"""A snapshot as OpenTelemetry data: the values of ``/metrics`` under OpenTelemetry names.

Needs the extra ``sidelight[otlp]``. The SDK counts nothing here: sums that exist already
are put into its data types, which its own exporter sends
(https://opentelemetry.io/docs/specs/otel/metrics/data-model/).
"""

from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata

from opentelemetry.sdk.metrics import export as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from sidelight.app_metrics.otlp import CUMULATIVE, to_otlp
from sidelight.contract import METRICS, Metric
from sidelight.export.otlp_points import Series, SeriesPoints, points_of
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.otlp.names import otel_name
from sidelight.otlp.points import Times
from sidelight.store.schema import StoredFamily
from sidelight.store.service_info import ServiceInfo
from sidelight.text_format import encodable

SCOPE = "sidelight"
TARGET = "target_info"
"""Not a metric in OpenTelemetry, but the resource."""
_SKIPPED = StoredFamily("sidelight_families_skipped_total", "counter", ())
LEFT_OUT = SeriesKey(_SKIPPED, ("not_in_otlp",))


def resource(service: ServiceInfo) -> Resource:
    """The service, as ``target_info`` names it, and the attributes of OpenTelemetry's variables.

    ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` are this process's; what ``service``
    says takes precedence, as attributes given in code do.
    """
    given = {
        "service.name": service.service_name,
        "service.version": service.service_version,
        "service.instance.id": service.service_instance_id,
        "telemetry.sdk.name": SCOPE,
        "telemetry.sdk.version": _version() or "unknown",
    }
    return Resource.create({name: encodable(value) for name, value in given.items() if value})


def metrics_data(
    snapshot: Snapshot, resource: Resource, now_ns: int, *, exponential: bool = False
) -> otel.MetricsData:
    """All metrics of a snapshot; ``now_ns`` is since the epoch.

    Sums and histograms are cumulative, whatever
    ``OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`` asks for: the totals are the workers',
    and an export that fails then loses no count. They started with their first value, where it is
    known when that was, or else with the directory's first worker; a restart changes neither.
    With ``exponential`` durations are exponential histograms. Metrics of the application that do
    not fit OpenTelemetry's model (see `sidelight.app_metrics.otlp`) are counted in
    ``sidelight_families_skipped_total{reason="not_in_otlp"}``.
    """
    times = Times(min(snapshot.started, now_ns), now_ns)
    app_families = [to_otlp(family, times) for family in snapshot.app_families.values()]
    left_out = sum(not family.complete for family in app_families)
    metrics = [
        *_own_metrics(snapshot, left_out, times, exponential=exponential),
        *(metric for family in app_families for metric in family.metrics),
    ]
    scope = otel.ScopeMetrics(InstrumentationScope(SCOPE, _version()), metrics, "")
    return otel.MetricsData([otel.ResourceMetrics(resource, [scope], resource.schema_url)])


@lru_cache
def _version() -> str:
    try:
        return metadata.version("sidelight")
    except metadata.PackageNotFoundError:
        return ""


def _own_metrics(
    snapshot: Snapshot, left_out: int, times: Times, *, exponential: bool
) -> Iterator[otel.Metric]:
    """Metrics of the contract, in its order."""
    by_name: dict[str, Series] = {}
    for key, values in snapshot.sums.items():
        by_name.setdefault(key.family.name, []).append((key, values))
    if left_out:
        by_name.setdefault(LEFT_OUT.family.name, []).append((LEFT_OUT, (left_out,)))
    points = points_of(snapshot, times)
    for name, metric in METRICS.items():
        if name in by_name and name != TARGET:
            yield _metric(metric, by_name[name], points, exponential=exponential)


def _metric(
    metric: Metric, series: Series, points: SeriesPoints, *, exponential: bool
) -> otel.Metric:
    name, unit, up_down = otel_name(metric)
    data: otel.DataT
    if exponential and all(key.family.native for key, _ in series):
        data = otel.ExponentialHistogram(points.exponential_histograms(metric, series), CUMULATIVE)
    elif metric.kind in {"histogram", "summary"}:
        data = otel.Histogram(points.histograms(metric, series), CUMULATIVE)
    elif metric.kind == "counter" or up_down:
        numbers = points.numbers(metric, series)
        data = otel.Sum(numbers, CUMULATIVE, is_monotonic=metric.kind == "counter")
    else:
        data = otel.Gauge(points.numbers(metric, series))
    return otel.Metric(name, metric.help, unit, data)
