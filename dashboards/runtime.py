"""Runtime: event loops, threads, executors, pools and processes."""

from typing import Final

from dashboards import runtime_event_loops, runtime_processes, runtime_resources
from dashboards.builder import Row, Section, dashboard
from dashboards.colours import BAD, WARN, levels
from dashboards.histograms import LOOP_LAG, quantile
from dashboards.panels import NO_SIDELIGHT, PanelBuilder, count_stat, stat
from dashboards.queries import Query, raw


def _waiting(title: str, description: str, metric: str, empty: str) -> PanelBuilder:
    """Calls that wait for a resource."""
    query = Query(f"sum({raw(metric)})", "waiting")
    return count_stat(title, description, query, (1, WARN), (10, BAD), empty=empty)


STUCK: Final = raw("sidelight_workers", 'state="blocked"')
DIED: Final = raw("sidelight_worker_exits_total", 'how="died"')
OVERVIEW: Final = [
    count_stat(
        "Blocked workers",
        "Workers whose event loop has not run for several seconds.",
        Query(f"sum({STUCK})", "blocked"),
        (1, BAD),
        empty=NO_SIDELIGHT,
    ),
    stat(
        "Event loop lag, p99",
        "How late event loops run.",
        "s",
        Query(quantile("0.99", LOOP_LAG), "p99"),
        empty=NO_SIDELIGHT,
        colours=levels((0.1, WARN), (0.5, BAD)),
    ),
    _waiting(
        "Waiting for a thread",
        "Calls that wait for an AnyIO thread.",
        "anyio_threadpool_waiting",
        NO_SIDELIGHT,
    ),
    _waiting(
        "Waiting for a connection",
        "Calls that wait for a connection of a watched pool.",
        "db_client_connection_pending_requests",
        "No pool is watched",
    ),
    count_stat(
        "Workers that died",
        "Workers that were killed or crashed in the selected time range.",
        Query(f"sum(increase({DIED}[$__range]))", "died"),
        (0.5, BAD),
    ),
    count_stat(
        "Workers",
        "Worker processes.",
        Query(f"sum({raw('sidelight_workers')})", "workers"),
        empty=NO_SIDELIGHT,
    ),
]
DASHBOARD: Final = dashboard(
    __name__,
    "Event loops, threads, executors, pools and processes. All panels require Sidelight.",
    Section(
        "",
        [
            Row(4, OVERVIEW),
            Row(7, runtime_event_loops.LOOP_TRENDS),
            Row(9, runtime_event_loops.LOOPS),
            Row(9, [runtime_event_loops.LOOP_USE]),
            Row(9, [runtime_event_loops.LOOP_LINES]),
            Row(7, [*runtime_event_loops.MACHINE, *runtime_event_loops.SOCKETS]),
        ],
    ),
    Section("Threads and executors", [Row(7, runtime_resources.THREADS)]),
    Section(
        "Pools, dependencies and upstreams",
        [
            Row(8, runtime_resources.POOLS),
            Row(7, [runtime_resources.BY_ROUTE]),
            Row(7, runtime_resources.DEPENDENCIES),
        ],
    ),
    Section(
        "Processes",
        [
            Row(10, [runtime_processes.INSTANCES]),
            Row(7, runtime_processes.PROCESSES),
            Row(6, [runtime_processes.VERSIONS]),
        ],
    ),
)
