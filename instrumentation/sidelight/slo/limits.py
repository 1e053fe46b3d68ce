"""Alerts about what runs out or fails beneath requests: memory, descriptors, workers, ourselves."""

from typing import Final

from sidelight.slo.alert import WORKER, Alert


def _increase(counter: str, matcher: str = "") -> str:
    """What a counter gained in 15 minutes, its first event too.

    ``increase`` can't see a counter's birth. Where the target was scraped before that, all the
    new counter has is new; where the target is new itself, what it has may be old.
    """
    series = f"{counter}{{{matcher}<,sel>}}" if matcher else f"{counter}{{<sel>}}"
    return (
        f"(({series} unless {series} offset <15m>)"
        " and on (<by>, instance) (sidelight_workers{<sel>} offset <15m>))"
        f" or increase({series}[<15m>])"
    )


ALERTS: Final = (
    Alert(
        name="FileDescriptorsLow",
        severity="warning",
        hold="5m",
        expr="max by (<by>, instance, worker) (process_open_fds{<sel>} / process_max_fds{<sel>})"
        " > 0.8",
        summary=f"<service>: {WORKER} is running out of file descriptors",
        description=f"{{{{ $value | humanizePercentage }}}} of the file descriptors that {WORKER} "
        "may open are open. When they are gone it can accept no connection.",
        do="see what they are (`ls -l /proc/PID/fd`): sockets of a client that is made anew for "
        "each request are the usual leak.",
        board="runtime",
        opens=("instance",),
    ),
    Alert(
        name="RestartLoop",
        severity="warning",
        hold="1m",
        expr="sum by (<by>, instance) ("
        + _increase("sidelight_worker_exits_total", 'how="died"')
        + ") >= 3",
        summary="Workers of <service> on {{ $labels.instance }} die again and again",
        description="{{ $value | humanize }} workers on {{ $labels.instance }} were killed or "
        "crashed within <15m>, and took their requests with them.",
        do="see how they ended in the server's and the kernel's log (out of memory?), and which "
        "route lost requests (fastapi_requests_lost_total).",
        board="runtime",
        opens=("instance",),
    ),
    Alert(
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
        summary="<service> on {{ $labels.instance }} nears its memory limit",
        description="Workers on {{ $labels.instance }} hold {{ $value | humanizePercentage }} of "
        "the memory their control group may use, and are nearly there or will be within <4h> at "
        "the pace of the last <1h>. At the limit the kernel kills one.",
        do="see whether it began with a release; restart workers one by one to win time.",
        board="runtime",
        opens=("instance",),
    ),
    Alert(
        name="SeriesOverflow",
        severity="warning",
        hold="5m",
        expr="sum by (<by>, instance) (" + _increase("sidelight_series_overflow_total") + ") >= 10",
        summary="<service> on {{ $labels.instance }} has more label sets than max_series",
        description="{{ $value | humanize }} observations were counted under the route _OTHER "
        "within <15m>: errors still count, but no longer where they belong.",
        do='see what grows (`topk(10, count by (http_route) ({__name__=~"http_.+",<this>}))`), or '
        "raise max_series.",
        board="telemetry-health",
        opens=("instance",),
    ),
    Alert(
        name="SidelightErrors",
        severity="warning",
        hold="1m",
        expr="sum by (<by>, instance, where) ("
        + _increase("sidelight_internal_errors_total")
        + ") >= 3",
        summary="Sidelight has faults in <service> on {{ $labels.instance }}",
        description="{{ $value | humanize }} faults in {{ $labels.where }} within <15m>. No "
        "request was harmed, but figures may lack what was not recorded.",
        do="read the log of `sidelight`, which names the fault once a minute.",
        board="telemetry-health",
        opens=("instance",),
    ),
    Alert(
        name="OtlpExportFailing",
        severity="warning",
        hold="5m",
        expr="sum by (<by>, instance) ("
        + _increase("sidelight_otlp_exports_total", 'outcome="failure"')
        + ") >= 3 unless sum by (<by>, instance)"
        ' (increase(sidelight_otlp_exports_total{outcome="success"<,sel>}[<15m>])) > 0',
        summary="<service> on {{ $labels.instance }} can't reach its collector",
        description="{{ $value | humanize }} exports by OTLP failed within <15m>, and none "
        "arrived. The next that arrives carries everything.",
        do="see whether the collector runs and takes metrics at the address in --otlp.",
        board="telemetry-health",
        opens=("instance",),
    ),
)
