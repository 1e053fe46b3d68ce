"""What is full, as two dashboards show it: the service's own, and that of its processes."""

from typing import Final

from dashboards.panels import colours, silence
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import over, quantile, rate, raw, total
from sidelight.contract import POOL

LATE: Final = total(rate("asyncio_event_loop_lag_seconds_bucket"), "le")
FULL_POOLS: Final = over(
    total(raw("db_client_connection_count", 'db_client_connection_state="used"'), POOL),
    total(raw("db_client_connection_max"), POOL),
)


def loop_lag(title: str) -> Shown:
    """How late heartbeats of event loops are."""
    return graph(
        title,
        "How late event loops run. Whoever holds one makes all requests of its worker wait.",
        "s",
        [Query(quantile("0.5", LATE), "p50"), Query(quantile("0.99", LATE), "p99")],
        empty=silence.ONLY_SIDELIGHT,
        colours=colours.QUANTILES,
    )


def threads(title: str) -> Shown:
    """Threads of AnyIO's that are in use, and calls that wait for one."""
    return graph(
        title,
        "Of those for synchronous endpoints and dependencies, all workers together; and calls that "
        "wait for one.",
        "short",
        [
            Query(f"sum({raw('anyio_threadpool_in_use')})", "in use"),
            Query(f"sum({raw('anyio_threadpool_waiting')})", "waiting"),
            Query(f"sum({raw('anyio_threadpool_capacity')})", "Limit: capacity"),
        ],
        empty=silence.ONLY_SIDELIGHT,
        colours={"waiting": colours.BAD},
    )
