"""Alerts on why requests are slow or refused: event loops, threads, pools."""

from typing import Final

from sidelight import histogram_queries
from sidelight.contract import CODE, OTHER, POOL
from sidelight.histogram_queries import DURATION
from sidelight.slo.alerts import OF_RESULT, ROUTE, WORKER, AlertDefinition
from sidelight.slo.context import range_query

OF_POOL: Final = f'instance="$labels.instance",{POOL}="$labels.{POOL}"<,own>'
IN_USE: Final = f"db_client_connection_in_use_by_route{{{OF_POOL}}}"
MOST_IN_USE: Final = range_query(
    f"topk(1, sum by (http_route) (avg_over_time({IN_USE}[<5m>])) > 0)",
    f" Most of its connections there are in use by {OF_RESULT}:"
    " {{ .Value | humanize }} on average.",
)

OF_INSTANCE: Final = 'instance="$labels.instance"<,own>'
ACTIVE: Final = (
    f"sum by (http_route) (avg_over_time(fastapi_active_requests{{{OF_INSTANCE}}}[<5m>]))"
)
PHASES: Final = "fastapi_request_phase_duration_seconds"
IN_THREAD_WAIT: Final = f'phase="thread_wait",{OF_INSTANCE}'
IN_THREADS: Final = (
    f"sum by (http_route) ({histogram_queries.since_start(PHASES, IN_THREAD_WAIT)}) > 0"
)
MOST_ACTIVE: Final = range_query(
    # Where phases are known, only routes that do run in threads.
    f"topk(1, ({ACTIVE} and {IN_THREADS} or {ACTIVE} unless on () ({IN_THREADS})) > 0)",
    f" Of the routes there that may run in threads, most requests in flight are of {OF_RESULT}:"
    " {{ .Value | humanize }} on average.",
)
REFUSED: Final = 'fastapi_validation_errors_total{http_route="$labels.http_route"<,own>}'
COMMONEST: Final = range_query(
    f"topk(1, sum by (location, type) (increase({REFUSED}[<15m>])) > 0)",
    " Most of them are at {{ .Labels.location }}, of the type {{ .Labels.type }}.",
)


def _rate(metric: str, matcher: str) -> str:
    return f"sum by (<by>, instance, http_route) (rate({metric}{{{matcher}<,sel>}}[<5m>]))"


_ROUTED: Final = 'http_route!=""'
_UNROUTED: Final = 'http_route=""'
_BLOCKED: Final = "asyncio_event_loop_blocked_seconds_total"
_BUSY: Final = "asyncio_event_loop_busy_seconds_total"
_WITH_PROCESSOR: Final = (
    " unless on (<by>, instance) sum by (<by>, instance)"
    " (rate(sidelight_cpu_wait_seconds_total{<sel>}[<5m>]))"
    f" > 0.5 * sum by (<by>, instance) (rate({_BUSY}{{<sel>}}[<5m>]))"
)
"""Where loops do not wait for a processor for most of the time that they are busy."""
LINES: Final = (
    'asyncio_event_loop_line_seconds_total{http_route="$labels.http_route"'
    f',code_file_path!="{OTHER}"<,own>}}'
)
BUSIEST_LINE: Final = range_query(
    f"topk(1, sum by ({', '.join(CODE)}) (rate({LINES}[<5m>])) > 0)",
    " The line that did so for longest is"
    " {{ .Labels.code_file_path }}:{{ .Labels.code_line_number }},"
    " in {{ .Labels.code_function_name }}.",
)

ALERTS: Final = (
    AlertDefinition(
        name="EventLoopBlocked",
        severity="warning",
        hold="2m",
        # Waits for a processor are no route's, but a part of what has none.
        expr=f"max by (<by>, http_route) ({_rate(_BLOCKED, _ROUTED)}"
        f" or ({_rate(_BLOCKED, _UNROUTED)}{_WITH_PROCESSOR})) > 0.1"
        " and on (<by>, http_route) max by (<by>, http_route) (sum by (<by>, instance, http_route)"
        " (increase(asyncio_event_loop_blocks_total{<sel>}[<5m>]))) >= 3"
        # Or by many short steps, for which other requests wait.
        f" or max by (<by>, http_route) ({_rate(_BUSY, _ROUTED)}"
        f"{_WITH_PROCESSOR}) > 0.3"
        " and on (<by>, http_route) sum by (<by>, http_route)"
        " (rate(fastapi_queue_seconds_caused_total{<sel>}[<5m>])) > on (<by>) group_left ()"
        f" (0.25 * sum by (<by>) ({histogram_queries.total(DURATION, '<sel>')}))",
        summary=f"{ROUTE} of <service> blocks the event loop",
        description=f"{ROUTE} kept event loops for {{{{ $value | humanizeDuration }}}} of each "
        "second over the last <5m>. All other requests of the same worker wait during that time."
        f"{BUSIEST_LINE}",
        action="find what the route calls without await (slow requests name the line), and run it "
        "in a thread or in a process.",
        dashboard="route",
        opens=("http_route",),
    ),
    AlertDefinition(
        name="CPUThrottled",
        severity="warning",
        hold="5m",
        expr="max by (<by>, instance) (rate(sidelight_cpu_throttled_seconds_total{<sel>}[<5m>]))"
        " > 0.1 and on (<by>, instance) max by (<by>, instance)"
        " (increase(sidelight_cpu_throttled_periods_total{<sel>}[<5m>])) >= 30",
        summary="<service> on {{ $labels.instance }} uses up its CPU quota",
        description="The CPU quota of {{ $labels.instance }} kept its processes from running for "
        "{{ $value | humanizeDuration }} of each second over the last <5m>, summed over its "
        "processors. All its requests are late then, whatever their route.",
        action="raise the CPU limit of the container, or run fewer workers in it.",
        dashboard="runtime",
        opens=("instance",),
    ),
    AlertDefinition(
        name="ValidationErrorsJumped",
        severity="warning",
        hold="5m",
        expr="sum by (<by>, http_route) (increase(fastapi_validation_errors_total{<sel>}[<15m>]))"
        " >= 50 unless sum by (<by>, http_route)"
        " (increase(fastapi_validation_errors_total{<sel>}[<15m>])) <= 5 *"
        " sum by (<by>, http_route)"
        " (increase(fastapi_validation_errors_total{<sel>}[<6h>] offset <30m>)) / 24"
        # A service that is younger than 6 hours has no past to compare with.
        " and on (<by>) sum by (<by>) (sidelight_workers{<sel>} offset <6h>) > 0",
        summary=f"{ROUTE} of <service> refuses far more requests than before",
        description=f"{ROUTE} had {{{{ $value | humanize }}}} validation errors in the last "
        f"<15m>, more than 5 times as many as in the <6h> before.{COMMONEST} A client was "
        "released, or the model was changed.",
        action="see which release changed that field: of a client, or of the service.",
        dashboard="route",
        opens=("http_route",),
    ),
    AlertDefinition(
        name="ThreadPoolSaturated",
        severity="warning",
        hold="1m",
        expr="max by (<by>, instance, worker)"
        " (avg_over_time(anyio_threadpool_waiting{<sel>}[<5m>])) >= 1",
        summary=f"<service>: all threads of {WORKER} are in use",
        description=f"In {WORKER}, {{{{ $value | humanize }}}} calls waited for a thread on "
        f"average over the last <5m>: synchronous endpoints and dependencies queue.{MOST_ACTIVE}",
        action="see which synchronous route is slow. Make it async, or give the pool more threads.",
        dashboard="runtime",
        opens=("instance",),
    ),
    AlertDefinition(
        name="ConnectionPoolExhausted",
        severity="warning",
        hold="1m",
        expr="max by (<by>, instance, worker, db_client_connection_pool_name)"
        " (avg_over_time(db_client_connection_pending_requests{<sel>}[<5m>])) >= 1"
        " or sum by (<by>, instance, db_client_connection_pool_name)"
        " (increase(db_client_connection_timeouts_total{<sel>}[<5m>])) >= 3",
        summary="<service>: the pool {{ $labels.db_client_connection_pool_name }} is exhausted",
        description="On {{ $labels.instance }}{{ with $labels.worker }}, worker {{ . }}{{ end }}, "
        "{{ $value | humanize }} calls {{ if $labels.worker }}wait for a connection of the pool"
        "{{ else }}gave up waiting, within <5m>, for a connection of the pool{{ end }} "
        f"{{{{ $labels.db_client_connection_pool_name }}}}.{MOST_IN_USE}",
        action="see how long connections are used (db_client_connection_use_time_seconds): a slow "
        "query and a connection that is never returned look alike.",
        dashboard="runtime",
        opens=("instance",),
    ),
)
