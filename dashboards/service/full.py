"""What is full."""

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import over, quantile, rate, raw, total
from dashboards.service.parts import band

LATE = total(rate("asyncio_event_loop_lag_seconds_bucket"), "le")
THREADS = f"sum({raw('anyio_threadpool_in_use')})"
ROOM = f"sum({raw('anyio_threadpool_capacity')})"
POOL = "db_client_connection_pool_name"
USED = total(raw("db_client_connection_count", 'db_client_connection_state="used"'), POOL)
MOST = total(raw("db_client_connection_max"), POOL)
MEMORY = total(raw("process_resident_memory_bytes"), "instance")
LIMIT = f"max by (instance) ({raw('sidelight_memory_limit_bytes')})"


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(7, [_event_loop_lag(), _threads_in_use(), _fullest_connection_pools()]),
        Line(7, [_cpu(), _memory()]),
    ]


def _event_loop_lag() -> Shown:
    return graph(
        "Event loop lag",
        "How late event loops run. Whoever holds one makes all requests of its worker wait.",
        "s",
        [Query(quantile("0.5", LATE), "p50"), Query(quantile("0.99", LATE), "p99")],
        empty=silence.ONLY_SIDELIGHT,
        colours=colours.QUANTILES,
    )


def _threads_in_use() -> Shown:
    return graph(
        "Threads in use",
        "Of the threads for synchronous endpoints and dependencies; and calls that wait for one.",
        "short",
        [
            Query(THREADS, "in use"),
            Query(f"sum({raw('anyio_threadpool_waiting')})", "waiting"),
            Query(ROOM, "Limit: capacity"),
        ],
        empty=silence.ONLY_SIDELIGHT,
        colours={"waiting": colours.BAD},
    )


def _fullest_connection_pools() -> Shown:
    return graph(
        "Fullest connection pools",
        "Connections in use of those a pool may open; the five fullest.",
        "percentunit",
        [Query(f"topk(5, {over(USED, MOST)})", f"{{{{{POOL}}}}}")],
        empty=silence.NOTHING_WATCHED,
    )


def _cpu() -> Shown:
    return graph(
        "CPU",
        "Cores used by the workers of an instance.",
        "short",
        band(total(rate("process_cpu_seconds_total"), "instance")),
        empty=silence.ONLY_SIDELIGHT,
    )


def _memory() -> Shown:
    return graph(
        "Memory",
        "Resident memory of the workers of an instance, and the least limit of any.",
        "bytes",
        [*band(MEMORY), Query(f"min({LIMIT})", "Limit: control group")],
        empty=silence.ONLY_SIDELIGHT,
    )
