"""Alerts on limits and failures below the requests: memory, descriptors, workers, Sidelight."""

from typing import Final

from sidelight.slo.alerts import WORKER, AlertDefinition
from sidelight.slo.context import range_query


def _increase(counter: str, matcher: str = "") -> str:
    """The increase of a counter in 15 minutes, its first event included.

    ``increase`` does not count the value that a new series starts with. Where the target was
    scraped before the series began, its whole value is new; where the target itself is new, its
    value may be old.
    """
    series = f"{counter}{{{matcher}<,sel>}}" if matcher else f"{counter}{{<sel>}}"
    return (
        f"(({series} unless {series} offset <15m>)"
        " and on (<by>, instance) (sidelight_workers{<sel>} offset <15m>))"
        f" or increase({series}[<15m>])"
    )


ORIGIN: Final = (
    "{{ with $labels.collector }}the collector {{ . }} of the application's own metrics"
    "{{ else }}{{ $labels.where }}{{ end }}"
)
RESIDENT: Final = 'process_resident_memory_bytes{instance="$labels.instance"<,own>}'
FASTEST_GROWTH: Final = range_query(
    f"topk(1, sum by (worker) (deriv({RESIDENT}[<1h>])) * <s1h> > 0)",
    " The memory of worker {{ .Labels.worker }} grows fastest, by {{ .Value | humanize1024 }}B in"
    " <1h>.",
)

ALERTS: Final = (
    AlertDefinition(
        name="FileDescriptorsLow",
        severity="warning",
        hold="5m",
        expr="max by (<by>, instance, worker) (process_open_fds{<sel>} / process_max_fds{<sel>})"
        " > 0.8",
        summary=f"<service>: {WORKER} is running out of file descriptors",
        description=f"{{{{ $value | humanizePercentage }}}} of the file descriptors that {WORKER} "
        "may open are open. When none is left, it can accept no connection.",
        action="see what they are (`ls -l /proc/PID/fd`). Sockets of a client that is created for "
        "each request are the usual leak.",
        dashboard="runtime",
        opens=("instance",),
    ),
    AlertDefinition(
        name="RestartLoop",
        severity="warning",
        hold="1m",
        expr="sum by (<by>, instance) ("
        + _increase("sidelight_worker_exits_total", 'how="died"')
        + ") >= 3",
        summary="Workers of <service> on {{ $labels.instance }} crash repeatedly",
        description="{{ $value | humanize }} workers on {{ $labels.instance }} were killed or "
        "crashed within <15m>. The requests that they were processing are lost.",
        action="see how they ended in the server's log and in the kernel's log (out of memory?), "
        "and which route lost requests (fastapi_requests_lost_total).",
        dashboard="runtime",
        opens=("instance",),
    ),
    AlertDefinition(
        name="MemoryNearsLimit",
        severity="warning",
        hold="10m",
        expr="(sum by (<by>, instance) (process_resident_memory_bytes{<sel>})"
        " / max by (<by>, instance) (sidelight_memory_limit_bytes{<sel>}) > 0.7"
        " and sum by (<by>, instance)"
        " (predict_linear(process_resident_memory_bytes{<sel>}[<1h>], <s4h>))"
        " > max by (<by>, instance) (sidelight_memory_limit_bytes{<sel>}))"
        " or sum by (<by>, instance) (process_resident_memory_bytes{<sel>})"
        " / max by (<by>, instance) (sidelight_memory_limit_bytes{<sel>}) > 0.9",
        summary="<service> on {{ $labels.instance }} is near its memory limit",
        description="The workers on {{ $labels.instance }} use {{ $value | humanizePercentage }} "
        "of the memory that their control group allows. They are near the limit, or reach it "
        f"within <4h> at the growth of the last <1h>.{FASTEST_GROWTH} At the limit the kernel "
        "kills a worker.",
        action="see whether it began with a release. Restart the workers one by one to gain time.",
        dashboard="runtime",
        opens=("instance",),
    ),
    AlertDefinition(
        name="SeriesOverflow",
        severity="warning",
        hold="5m",
        expr="sum by (<by>, instance) (" + _increase("sidelight_series_overflow_total") + ") >= 10",
        summary="<service> on {{ $labels.instance }} has more label sets than fit",
        description="{{ $value | humanize }} observations were counted under the route _OTHER "
        "within <15m>. Errors are still counted, but not under their own route.",
        action='see what grows (`topk(10, count by (http_route) ({__name__=~"http_.+",<alert>}))`)'
        ", or raise max_series.",
        dashboard="telemetry-health",
        opens=("instance",),
    ),
    AlertDefinition(
        name="SidelightErrors",
        severity="warning",
        hold="1m",
        expr="sum by (<by>, instance, where) ("
        + _increase("sidelight_internal_errors_total")
        + ") >= 3 or sum by (<by>, instance, collector) ("
        + _increase("sidelight_collector_errors_total")
        + ") >= 3",
        summary="Sidelight has errors in <service> on {{ $labels.instance }}",
        description=f"{{{{ $value | humanize }}}} errors occurred in {ORIGIN} "
        "within <15m>. No request was affected, but some metrics may be incomplete.",
        action="read the log of `sidelight`, which names the error once a minute.",
        dashboard="telemetry-health",
        opens=("instance",),
    ),
    AlertDefinition(
        name="OtlpExportFailing",
        severity="warning",
        hold="5m",
        expr="sum by (<by>, instance) ("
        + _increase("sidelight_otlp_exports_total", 'outcome="failure"')
        + ") >= 3 unless sum by (<by>, instance)"
        ' (increase(sidelight_otlp_exports_total{outcome="success"<,sel>}[<15m>])) > 0',
        summary="<service> on {{ $labels.instance }} can't send metrics to its collector",
        description="{{ $value | humanize }} exports by OTLP failed within <15m>, and none "
        "succeeded. The next one that succeeds includes all counts so far.",
        action="see whether the collector runs and accepts metrics at the address in --otlp.",
        dashboard="telemetry-health",
        opens=("instance",),
    ),
)
