"""Alerts about what makes requests slow or refuses them: loops, threads, pools, neighbours."""

from typing import Final

from sidelight.slo import names
from sidelight.slo.alert import ROUTE, WORKER, Alert


def _slower(mean: str, count: str, by: str) -> str:
    """Thrice the median of the last day, over 100 ms, and used often enough to tell."""
    past = f"quantile_over_time(0.5, {mean}{{<own>}}[<1d>] offset <30m>)"
    calls = f"sum by (<by>, {by}) (rate({count}{{<sel>}}[<5m>])) > 0.1"
    return f"{mean}{{<own>}} > 3 * {past} and {mean}{{<own>}} > 0.1 and on (<by>, {by}) {calls}"


ALERTS: Final = (
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
        name="FastAPIDependencySlow",
        severity="warning",
        hold="10m",
        expr=_slower(
            names.DEPENDENCY, "fastapi_dependency_duration_seconds_count", "dependency, step"
        ),
        summary="{{ $labels.dependency }} ({{ $labels.step }}) of <service> is slow",
        description="The {{ $labels.step }} of dependency {{ $labels.dependency }} takes "
        "{{ $value | humanizeDuration }} on average, more than 3 times its median of a day.",
        do="look at what the dependency talks to, and at the pool it takes connections from.",
        board="runtime",
    ),
    Alert(
        name="HTTPClientSlow",
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
)
