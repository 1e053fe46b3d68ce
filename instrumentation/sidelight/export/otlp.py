"""A snapshot as OpenTelemetry's data: what ``/metrics`` shows, under OpenTelemetry's names.

Needs the extra ``sidelight[otlp]``. The SDK counts nothing here: sums that are made already
are put into its data types, which its own exporter sends
(https://opentelemetry.io/docs/specs/otel/metrics/data-model/).
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import metadata

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics import export as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from sidelight.contract import METRICS, Metric
from sidelight.export.otel_names import attributes, otel_name, text
from sidelight.export.otlp_people import CUMULATIVE, mapped
from sidelight.export.otlp_points import Times, exemplar, histogram, number
from sidelight.export.snapshot import Key, Snapshot
from sidelight.store.schema import StoredFamily
from sidelight.store.service_info import ServiceInfo

SCOPE = "sidelight"
TARGET = "target_info"
"""No metric here, but the resource."""
LEFT_OUT = Key(StoredFamily("sidelight_families_skipped_total", "counter", ()), ("not_in_otlp",))

Points = Iterable[tuple[Key, tuple[int, ...]]]


def resource(about: ServiceInfo) -> Resource:
    """The service, as ``target_info`` names it, with what OpenTelemetry's variables say.

    ``OTEL_RESOURCE_ATTRIBUTES`` and ``OTEL_SERVICE_NAME`` are this process's; what ``about``
    says wins over them, as attributes given in code do.
    """
    told = {
        "service.name": about.service_name,
        "service.version": about.service_version,
        "service.instance.id": about.service_instance_id,
        "telemetry.sdk.name": SCOPE,
        "telemetry.sdk.version": _version() or "unknown",
    }
    return Resource.create({name: text(value) for name, value in told.items() if value})


def metrics_data(shot: Snapshot, resource: Resource, now_ns: int) -> otel.MetricsData:
    """Everything the page of the same snapshot shows; ``now_ns`` is since the epoch.

    Sums and histograms are cumulative, whatever
    ``OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`` asks for: the totals are the workers'
    own, and an export that is lost then loses no count. They started when the directory's
    first worker did, which a restart doesn't change. What of the application's own metrics
    has no place in OpenTelemetry's model (see `sidelight.export.otlp_people`) is counted in
    ``sidelight_families_skipped_total{reason="not_in_otlp"}``.
    """
    times = Times(min(shot.started, now_ns), now_ns)
    theirs = [mapped(family, times) for family in shot.people.values()]
    left_out = sum(not each.whole for each in theirs)
    metrics = [
        *_ours(shot, left_out, times),
        *(metric for each in theirs for metric in each.metrics),
    ]
    scope = otel.ScopeMetrics(InstrumentationScope(SCOPE, _version()), metrics, "")
    return otel.MetricsData([otel.ResourceMetrics(resource, [scope], resource.schema_url)])


@lru_cache
def _version() -> str:
    try:
        return metadata.version("sidelight")
    except metadata.PackageNotFoundError:
        return ""


def _ours(shot: Snapshot, left_out: int, times: Times) -> Iterator[otel.Metric]:
    """Metrics of the contract, in its order."""
    by_name: dict[str, list[tuple[Key, tuple[int, ...]]]] = {}
    for key, values in shot.sums.items():
        by_name.setdefault(key.family.name, []).append((key, values))
    if left_out:
        by_name.setdefault(LEFT_OUT.family.name, []).append((LEFT_OUT, (left_out,)))
    traces = _traces(shot)
    for name, metric in METRICS.items():
        if name in by_name and name != TARGET:
            yield _metric(metric, by_name[name], traces, times)


def _traces(shot: Snapshot) -> dict[Key, list[Exemplar]]:
    found: dict[Key, list[Exemplar]] = {}
    for (key, _), trace in shot.exemplars.items():
        ids = {"trace_id": trace.trace_id, "span_id": trace.span_id}
        if one := exemplar(ids, trace.value, trace.seconds):
            found.setdefault(key, []).append(one)
    return found


def _metric(
    metric: Metric, points: Points, traces: dict[Key, list[Exemplar]], times: Times
) -> otel.Metric:
    name, unit, up_down = otel_name(metric)
    data: otel.DataT
    if metric.kind in {"histogram", "summary"}:
        data = otel.Histogram(_histograms(metric, points, traces, times), CUMULATIVE)
    elif metric.kind == "counter" or up_down:
        numbers = _numbers(metric, points, traces, times)
        data = otel.Sum(numbers, CUMULATIVE, is_monotonic=metric.kind == "counter")
    else:
        data = otel.Gauge(_numbers(metric, points, {}, times))
    return otel.Metric(name, metric.help, unit, data)


def _histograms(
    metric: Metric, points: Points, traces: dict[Key, list[Exemplar]], times: Times
) -> list[otel.HistogramDataPoint]:
    return [
        histogram(
            attributes(metric.labels, key.labels),
            counts,
            key.family.bounds,
            times,
            total=total / metric.divisor,
            exemplars=traces.get(key, ()),
        )
        for key, (total, *counts) in points
    ]


def _numbers(
    metric: Metric, points: Points, traces: dict[Key, list[Exemplar]], times: Times
) -> list[otel.NumberDataPoint]:
    return [
        number(
            attributes(metric.labels, key.labels),
            value if metric.divisor == 1 else value / metric.divisor,
            times,
            traces.get(key, ()),
        )
        for key, (value,) in points
    ]
