"""The alerts that are no burn: what is wrong with the service, its workers and what it needs.

Each has a floor, so that a single event or an idle service never fires it. Only what users feel
now, whatever the hour, is critical; the rest is read in the morning, or beside a page.
"""

from typing import Final

from sidelight.slo import names
from sidelight.slo.alert import Alert

ROUTE: Final = "{{ with $labels.http_route }}{{ . }}{{ else }}(outside of any route){{ end }}"
WORKER: Final = "worker {{ $labels.worker }} on {{ $labels.instance }}"


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


def _slower(mean: str, count: str, by: str) -> str:
    """Thrice the median of the last day, over 100 ms, and used often enough to tell."""
    past = f"quantile_over_time(0.5, {mean}{{<own>}}[<1d>] offset <30m>)"
    calls = f"sum by (<by>, {by}) (rate({count}{{<sel>}}[<5m>])) > 0.1"
    return f"{mean}{{<own>}} > 3 * {past} and {mean}{{<own>}} > 0.1 and on (<by>, {by}) {calls}"


# Steady: at each minute of half an hour. A series that is younger proves nothing.
_STOPPED = (
    f"(max_over_time((min_over_time({names.SERVICE}{{<own>}}[<30m>])"
    f" and {names.SERVICE}{{<own>}} offset <30m>)[<2h>:<5m>]) > 1"
    f" unless {names.SERVICE}{{<own>}} > 0)"
    " and on (<by>) sum by (<by>) (sidelight_workers{<sel>}) > 0"
)
_STUCK = (
    "max by (<by>, http_route) (fastapi_oldest_active_request_seconds{<sel>}<left>) > 300"
    " unless on (<by>, http_route) fastapi_response_start_seconds_count{<sel>}"
)

ALERTS: Final = (
    Alert(
        name="TargetsDown",
        severity="critical",
        hold="2m",
        expr="(count by (<by>) (up{<sel>} == 0) == count by (<by>) (up{<sel>})<known>)"
        " or sum by (<by>) (sidelight_workers{<sel>}) == 0",
        summary="<service> is down",
        description="No target of <service> answers Prometheus, or those that answer have no "
        "worker left. Nobody is served, or nobody can tell.",
        do="send the service a request yourself; if it answers, mend the scrape, else start it.",
        board="telemetry-health",
    ),
    Alert(
        name="TargetsDown",
        severity="warning",
        hold="10m",
        expr="(count by (<by>) (up{<sel>} == 0) < count by (<by>) (up{<sel>}))<known>",
        summary="{{ $value }} of <service>'s targets are down",
        description="{{ $value }} targets of <service> have not answered Prometheus for <10m>; "
        "others do.",
        do="open Prometheus's page of targets: it shows which, and the error.",
        board="telemetry-health",
    ),
    Alert(
        name="ServiceVanished",
        severity="critical",
        hold="5m",
        of="named",
        expr="absent(up{<sel>}) unless on () sidelight_workers{<sel>}",
        summary="<service> has vanished from Prometheus",
        description="Prometheus knows no target of <service>: it was scaled to nothing, or "
        "discovery lost it. No other alert about it can speak.",
        do="see whether the service runs; if so, look for it in Prometheus's service discovery.",
        board="telemetry-health",
    ),
    Alert(
        name="ServiceVanished",
        severity="warning",
        hold="5m",
        of="unnamed",
        expr="group by (<by>) (last_over_time(sidelight_workers{<sel>}[<1d>]))"
        " unless on (<by>) (up{<sel>} or sidelight_workers{<sel>})",
        summary="<service> has vanished from Prometheus",
        description="Prometheus knew targets of <service> within the last <1d>, and knows none "
        "now: it was removed, scaled to nothing, or discovery lost it.",
        do="see whether it was meant to go; if not, whether the service runs.",
        board="telemetry-health",
    ),
    Alert(
        name="TargetNotInstrumented",
        severity="warning",
        hold="15m",
        expr="up{<sel>} == 1 unless on (<by>, instance) sidelight_workers{<sel>}<known>",
        summary="{{ $labels.instance }} of <service> shows nothing of Sidelight's",
        description="{{ $labels.instance }} answers Prometheus, but its page has no metric of "
        "Sidelight's: its requests are in no figure and in no alert.",
        do="run `sidelight doctor MODULE:APP` there; it says what is missing.",
        board="telemetry-health",
        opens=("instance",),
    ),
    Alert(
        name="TrafficStopped",
        severity="critical",
        hold="5m",
        expr=f"{_STOPPED} unless on (<by>) ({_STUCK})",
        summary="<service> gets no requests any more",
        description="<service> runs and is asked nothing, after steady traffic of at least "
        "{{ $value | humanize }} requests a second for <30m> within the last <2h>.",
        do="send a request the way users do; look at what stands before the service: DNS, "
        "certificate, load balancer, the last release of its clients.",
    ),
    Alert(
        name="EventLoopBlocked",
        severity="warning",
        hold="2m",
        expr="max by (<by>, http_route) (sum by (<by>, instance, http_route)"
        " (rate(asyncio_event_loop_blocked_seconds_total{<sel>}[<5m>]))) > 0.1"
        " and on (<by>, http_route) max by (<by>, http_route) (sum by (<by>, instance, http_route)"
        " (increase(asyncio_event_loop_blocks_total{<sel>}[<5m>]))) >= 3",
        summary=f"{ROUTE} of <service> blocks the event loop",
        description=f"{ROUTE} held event loops for {{{{ $value | humanizeDuration }}}} of each "
        "second over the last <5m>. Every other request of the same worker waits meanwhile.",
        do="find what the route calls without await (slow requests name the line), and give it "
        "to a thread or a process.",
        board="route",
        opens=("http_route",),
    ),
    Alert(
        name="ValidationErrorsJumped",
        severity="warning",
        hold="5m",
        expr="sum by (<by>, http_route) (increase(fastapi_validation_errors_total{<sel>}[<15m>]))"
        " >= 50 unless sum by (<by>, http_route)"
        " (increase(fastapi_validation_errors_total{<sel>}[<15m>])) <= 5 *"
        " sum by (<by>, http_route)"
        " (increase(fastapi_validation_errors_total{<sel>}[<6h>] offset <30m>)) / 24"
        # A service younger than the past it is compared with has none yet.
        " and on (<by>) sum by (<by>) (sidelight_workers{<sel>} offset <6h>) > 0",
        summary=f"{ROUTE} of <service> refuses far more requests than before",
        description=f"{ROUTE} found {{{{ $value | humanize }}}} validation errors in the last "
        "<15m>, more than 5 times what it used to in the <6h> before. A client was released, "
        "or the model was changed.",
        do="see which field it is, by location and type of fastapi_validation_errors_total, and "
        "whose release changed it.",
        board="route",
        opens=("http_route",),
    ),
    Alert(
        name="DependencySlow",
        severity="warning",
        hold="10m",
        expr=_slower(names.DEPENDENCY, "fastapi_dependency_seconds_count", "dependency, step"),
        summary="{{ $labels.dependency }} ({{ $labels.step }}) of <service> is slow",
        description="The {{ $labels.step }} of dependency {{ $labels.dependency }} takes "
        "{{ $value | humanizeDuration }} on average, more than 3 times its median of a day.",
        do="look at what the dependency talks to, and at the pool it takes connections from.",
        board="runtime",
    ),
    Alert(
        name="NeighbourSlow",
        severity="warning",
        hold="10m",
        expr=_slower(
            names.NEIGHBOUR, "http_client_request_duration_seconds_count", "server_address"
        ),
        summary="{{ $labels.server_address }} answers <service> slowly",
        description="Requests from <service> to {{ $labels.server_address }} take "
        "{{ $value | humanizeDuration }} on average, more than 3 times their median of a day.",
        do="ask those who run it; meanwhile see that calls to it have a timeout.",
        board="runtime",
    ),
    Alert(
        name="ThreadPoolSaturated",
        severity="warning",
        hold="1m",
        expr="max by (<by>, instance, worker)"
        " (avg_over_time(anyio_threadpool_waiting{<sel>}[<5m>])) >= 1",
        summary=f"<service>: no thread is free in {WORKER}",
        description=f"In {WORKER}, {{{{ $value | humanize }}}} calls waited for a thread on "
        "average over the last <5m>: synchronous endpoints and dependencies queue.",
        do="see which synchronous route is slow; make it async, or give the pool more threads.",
        board="runtime",
        opens=("instance",),
    ),
    Alert(
        name="ConnectionPoolExhausted",
        severity="warning",
        hold="1m",
        expr="max by (<by>, instance, worker, db_client_connection_pool_name)"
        " (avg_over_time(db_client_connection_pending_requests{<sel>}[<5m>])) >= 1"
        " or sum by (<by>, instance, db_client_connection_pool_name)"
        " (increase(db_client_connection_timeouts_total{<sel>}[<5m>])) >= 3",
        summary="<service>: pool {{ $labels.db_client_connection_pool_name }} is exhausted",
        description="On {{ $labels.instance }}{{ with $labels.worker }}, worker {{ . }}{{ end }}, "
        "{{ $value | humanize }} calls {{ if $labels.worker }}wait for a connection of pool"
        "{{ else }}gave up waiting, within <5m>, for a connection of pool{{ end }} "
        "{{ $labels.db_client_connection_pool_name }}.",
        do="see how long connections are kept (db_client_connection_use_time_seconds): a slow "
        "query and a connection that is never given back look alike.",
        board="runtime",
        opens=("instance",),
    ),
    Alert(
        name="WorkerBlocked",
        severity="critical",
        hold="1m",
        expr="min by (<by>) (sidelight_worker_heartbeat_age_seconds{<sel>}) > 10",
        summary="Every worker of <service> is blocked",
        description="No event loop of <service> has run for {{ $value | humanizeDuration }}. "
        "Nobody gets an answer.",
        do="see which route the requests in flight wait in "
        "(fastapi_oldest_active_request_seconds), then restart the service.",
        board="runtime",
    ),
    Alert(
        name="WorkerBlocked",
        severity="warning",
        hold="30s",
        expr="max by (<by>, instance, worker) (sidelight_worker_heartbeat_age_seconds{<sel>}) > 10",
        summary=f"<service>: {WORKER} is blocked",
        description=f"The event loop of {WORKER} has not run for "
        "{{ $value | humanizeDuration }}. Its requests hang, and new ones still reach it.",
        do="see which route its requests wait in (fastapi_oldest_active_request_seconds); "
        "`py-spy dump` shows the line; then end that worker.",
        board="runtime",
        opens=("instance",),
    ),
    Alert(
        name="RequestsStuck",
        severity="critical",
        hold="5m",
        expr=f"{_STOPPED} and on (<by>) ({_STUCK})",
        summary="<service> finishes no request any more",
        description="Requests of <service> hang and none ends, after steady traffic of at least "
        "{{ $value | humanize }} requests a second for <30m> within the last <2h>. Nobody gets "
        "an answer.",
        do="see which route they wait in (fastapi_oldest_active_request_seconds), and for what: "
        "a lock, a pool, a call without a timeout.",
    ),
    Alert(
        name="RequestsStuck",
        severity="warning",
        hold="1m",
        expr=_STUCK,
        summary=f"A request to {ROUTE} of <service> is stuck",
        description=f"The oldest request to {ROUTE} has been in flight for "
        "{{ $value | humanizeDuration }}. It counts in no figure of latency or errors until it "
        "ends.",
        do="see what it waits for: a lock, a pool, a call without a timeout. A route that is "
        "meant to last belongs into slo.exclude.",
        board="route",
        opens=("http_route",),
    ),
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
