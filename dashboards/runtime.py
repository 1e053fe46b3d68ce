"""Runtime: event loops, threads, executors, pools and processes."""

from typing import Final

from dashboards import shared
from dashboards.builder import Row, Section, dashboard, link_to
from dashboards.colours import BAD, GOOD, WARN, levels
from dashboards.panels import (
    NO_DATA,
    NO_SIDELIGHT,
    NOTHING_WATCHED,
    SIDELIGHT_ONLY,
    PanelBuilder,
    count_stat,
    heatmap,
    stat,
    time_series,
)
from dashboards.queries import (
    INSTANCE_LABELS,
    LOOP_LAG,
    POOL_USAGE,
    Query,
    in_top,
    increase,
    mean,
    quantile,
    rate,
    ratio,
    raw,
    recorded,
    spaced,
    total,
)
from dashboards.tables import SERVICE, Column, Key, coloured_column, table
from sidelight.contract import POOL, PORT, SERVER
from sidelight.slo import names
from sidelight.slo.calls import FAILED


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

BLOCKED: Final = total(rate("asyncio_event_loop_blocked_seconds_total"), "job", "http_route")
BLOCKS: Final = total(rate("asyncio_event_loop_blocks_total"), "job", "http_route")
EVENT_LOOPS: Final = f"on (job) group_left () {total(raw('sidelight_workers'), 'job')}"
BLOCKING: Final = in_top(f"{BLOCKED} > 0", 20, "job", "http_route")
TO_ROUTE: Final = link_to("route", *shared.OF_ROUTE)
LOOPS: Final = [
    heatmap(
        "Event loop lag distribution",
        "How late the heartbeats of event loops are. Dark cells at the bottom are normal.",
        "cps",
        Query(LOOP_LAG, "{{le}}"),
        empty=SIDELIGHT_ONLY,
    ),
    table(
        "Routes that block event loops",
        "How many event loops each route blocked on average, their share of all event loops of the "
        "service, and how often; the 20 highest. *Outside any request* is a timer or a task that "
        "no request started; _UNMATCHED is a middleware that ran for requests without a "
        "route; _UNKNOWN is a C extension that did not release the GIL.",
        [SERVICE, Key("http_route", "Route", TO_ROUTE, blank="outside any request")],
        Column(f"topk(20, {BLOCKED} > 0)", "Loops", "short", decimals=2),
        Column(f"{BLOCKED} / {EVENT_LOOPS} {BLOCKING}", "Share", "percentunit", decimals=1),
        Column(f"{BLOCKS} {BLOCKING}", "Blocks/s", "cps"),
        sort="Loops",
        empty=SIDELIGHT_ONLY,
    ),
]
BUSY: Final = total(rate("asyncio_event_loop_busy_seconds_total"), "job", "http_route")
CAUSED: Final = total(rate("fastapi_queue_seconds_caused_total"), "job", "http_route")
KEPT_BUSY: Final = in_top(f"{BUSY} > 0", 20, "job", "http_route")
LOOP_USE: Final = table(
    "Routes that keep event loops busy",
    "The share of all event loops that each route keeps busy, and how long requests waited "
    "meanwhile for the loop, in seconds of each second; the 20 highest. *Not one route* is the "
    "server's own work, and other code that works for no request.",
    [SERVICE, Key("http_route", "Route", TO_ROUTE, blank="not one route")],
    Column(f"topk(20, {BUSY} > 0)", "Loops", "short", decimals=2),
    Column(f"{BUSY} / {EVENT_LOOPS} {KEPT_BUSY}", "Share", "percentunit", decimals=1),
    Column(f"({CAUSED} or 0 * {BUSY}) {KEPT_BUSY}", "Waits caused", "short", decimals=2),
    sort="Loops",
    empty=SIDELIGHT_ONLY,
)
LOOP_TRENDS: Final = [
    shared.loop_lag(),
    time_series(
        "Requests in flight",
        "Requests that have not been answered yet, by method.",
        "short",
        Query(
            total(raw("http_server_active_requests"), "http_request_method"),
            "{{http_request_method}}",
        ),
        empty="None, or not reported",
        stacked=True,
    ),
    time_series(
        "Oldest heartbeat",
        "The age of the last heartbeat of the selected worker whose event loop ran longest ago.",
        "s",
        Query(f"max({raw('sidelight_worker_heartbeat_age_seconds')})", "oldest"),
        empty=SIDELIGHT_ONLY,
        colours={"oldest": WARN},
    ),
]
MACHINE: Final = [
    time_series(
        "What event loops wait for",
        "Seconds per second: for the GIL, which other threads keep (an estimate), and for a "
        "processor, summed over event loops; and how long a CPU quota stopped the container, "
        "summed over its processors, which is a part of the wait for a processor.",
        "short",
        Query(total(rate("sidelight_gil_wait_seconds_total")), "GIL"),
        Query(total(rate("sidelight_cpu_wait_seconds_total")), "processor"),
        Query(total(rate("sidelight_cpu_throttled_seconds_total")), "CPU quota"),
        empty=SIDELIGHT_ONLY,
        colours={"CPU quota": BAD, "processor": WARN},
    ),
    time_series(
        "Throttled periods",
        "Periods per second, mostly of 100 ms, in which containers used up their quota: at most "
        "10 of one container.",
        "cps",
        Query(total(rate("sidelight_cpu_throttled_periods_total")), "periods"),
        empty="No CPU quota is known, or not reported",
        colours={"periods": BAD},
    ),
]
SOCKETS: Final = [
    time_series(
        title,
        description,
        unit,
        Query(f"topk(10, max by (port) ({raw(metric)}))", "port {{port}}"),
        empty="No data (requires the sidecar)",
    )
    for title, description, unit, metric in (
        (
            "Connections to be accepted",
            "Connections that the service has not accepted yet, by port; the most of an instance.",
            "short",
            "sidelight_accept_queue",
        ),
        (
            "Unread bytes",
            "Bytes that the service has not read yet, by port; the most of an instance.",
            "bytes",
            "sidelight_unread_bytes",
        ),
    )
]


def _executors(title: str, description: str, unit: str, most: int, **parts: str) -> PanelBuilder:
    """The executors with the highest values of each part."""
    queries = [Query(f"topk({most}, {expr})", legend) for legend, expr in parts.items()]
    return time_series(title, description, unit, *queries, empty=NOTHING_WATCHED)


THREADS: Final = [
    shared.threads(),
    _executors(
        "Executor usage",
        "Running calls as a share of the executor's threads or processes; the ten fullest "
        "executors.",
        "percentunit",
        10,
        **{
            "{{executor}}": ratio(
                total(raw("python_executor_in_use"), "executor"),
                total(raw("python_executor_capacity"), "executor"),
            )
        },
    ),
    _executors(
        "Executor queues",
        "Calls that wait; the ten longest queues.",
        "short",
        10,
        **{"{{executor}}": total(raw("python_executor_queued"), "executor")},
    ),
    _executors(
        "Executor wait and run time",
        "The mean time from submission to start, and from start to end.",
        "s",
        5,
        **{
            f"{{{{executor}}}} {part}": mean(f"python_executor_{part}_seconds", "executor")
            for part in ("wait", "run")
        },
    ),
]

FULLEST: Final = in_top(POOL_USAGE, 20, POOL)
PENDING: Final = total(raw("db_client_connection_pending_requests"), POOL)
TIMEOUTS: Final = total(rate("db_client_connection_timeouts_total"), POOL)
CLIENT: Final = "http_client_request_duration_seconds"
UPSTREAM: Final = (SERVER, PORT)
CALLS: Final = total(rate(f"{CLIENT}_count"), *UPSTREAM)
FAILED_CALLS: Final = total(rate(f"{CLIENT}_count", FAILED), *UPSTREAM)
MOST_CALLED: Final = in_top(CALLS, 20, *UPSTREAM)
POOLS: Final = [
    table(
        "Connection pools",
        "The current state of the 20 fullest pools. Long waits and short uses: the pool is too "
        "small. Long uses: the code awaits something else while it has a connection.",
        [Key(POOL, "Pool")],
        coloured_column(f"topk(20, {POOL_USAGE})", "In use", "percentunit", (0.8, WARN), (1, BAD)),
        coloured_column(f"{PENDING} {FULLEST}", "Waiting", "short", (1, BAD), decimals=0),
        *(
            Column(
                f"{mean(f'db_client_connection_{part}_time_seconds', POOL)} {FULLEST}",
                f"Mean {part}",
                "s",
            )
            for part in ("wait", "use")
        ),
        Column(f"{TIMEOUTS} {FULLEST}", "Timeouts/s", "cps"),
        sort="In use",
        empty=NOTHING_WATCHED,
    ),
    table(
        "Upstreams",
        "The servers that watched HTTP clients call; the 20 with the most requests. Errors are "
        "exceptions and 5xx responses.",
        [Key(SERVER, "Server"), Key(PORT, "Port")],
        Column(f"topk(20, {CALLS})", "Requests/s", "reqps"),
        Column(f"{mean(CLIENT, *UPSTREAM)} {MOST_CALLED}", "Mean time", "s"),
        coloured_column(
            f"{ratio(f'({FAILED_CALLS} or 0 * {CALLS})', CALLS)} {MOST_CALLED}",
            "Errors",
            "percentunit",
            (0.01, BAD),
        ),
        sort="Requests/s",
        empty=NOTHING_WATCHED,
    ),
]
IN_USE: Final = total(raw("db_client_connection_in_use_by_route"), POOL, "http_route")
BY_ROUTE: Final = time_series(
    "Connections in use by route",
    "Connections of watched pools that requests of each route have taken and not given back; the "
    "ten highest. A line without a route is code outside of any request.",
    "short",
    Query(spaced(f"topk(10, {IN_USE})", "http_route"), f"{{{{{POOL}}}}}{{{{shown_http_route}}}}"),
    empty=NOTHING_WATCHED,
)
STEPS: Final = mean("fastapi_dependency_duration_seconds", "dependency", "step")
DEPENDENCIES: Final = [
    time_series(title, description, "s", query, empty=empty)
    for title, description, query, empty in (
        (
            "Dependencies",
            "The mean time in dependencies that are marked with @timed; the ten slowest.",
            Query(f"topk(10, {STEPS})", "{{dependency}} {{step}}"),
            "No dependency is marked with @timed",
        ),
        (
            "Dependencies over long time ranges",
            "The same means, as recorded over 5 minutes.",
            Query(
                f"topk(10, {recorded(names.DEPENDENCY)})",
                "{{dependency}} {{step}}",
                recorded=True,
            ),
            "No dependency is marked with @timed, or the rules are not loaded",
        ),
        (
            "Upstreams over long time ranges",
            "The mean time of calls, as recorded over 5 minutes; the ten slowest.",
            Query(
                f"topk(10, {recorded(names.UPSTREAM)})",
                "{{server_address}}:{{server_port}}",
                recorded=True,
            ),
            "No HTTP client is watched, or the rules are not loaded",
        ),
    )
]

CORES: Final = total(rate("process_cpu_seconds_total"), *INSTANCE_LABELS)
TOP: Final = in_top(CORES, 30, *INSTANCE_LABELS)
MEMORY: Final = total(raw("process_resident_memory_bytes"), *INSTANCE_LABELS)
VIRTUAL: Final = total(raw("process_virtual_memory_bytes"), *INSTANCE_LABELS)
MEMORY_LIMIT: Final = f"max by (job, instance) ({raw('sidelight_memory_limit_bytes')})"
FILES: Final = f"max by (job, instance) ({raw('process_open_fds')} / {raw('process_max_fds')})"
STARTED: Final = f"max by (job, instance) ({raw('process_start_time_seconds')})"
INSTANCES: Final = table(
    "Instances",
    "The 30 instances that use the most CPU. Values are sums over the workers of an instance; "
    "Files is the worker that is nearest to its limit.",
    [SERVICE, Key("instance", "Instance")],
    Column(f"topk(30, {CORES})", "Cores", "short", decimals=2),
    Column(f"{MEMORY} {TOP}", "Memory", "bytes"),
    coloured_column(
        f"{ratio(MEMORY, MEMORY_LIMIT)} {TOP}",
        "Share of memory limit",
        "percentunit",
        (0.8, WARN),
        (0.9, BAD),
    ),
    Column(f"{VIRTUAL} {TOP}", "Virtual memory", "bytes"),
    coloured_column(f"{FILES} {TOP}", "Files", "percentunit", (0.8, BAD)),
    Column(f"time() - {STARTED} {TOP}", "Newest worker's age", "s"),
    sort="Cores",
    empty=SIDELIGHT_ONLY,
)
COLLECTIONS: Final = total(rate("python_gc_collections_total"), "generation")
COLLECTED: Final = total(rate("python_gc_objects_collected_total"), "generation")
UNCOLLECTABLE: Final = total(rate("python_gc_objects_uncollectable_total"))
PROCESSES: Final = [
    time_series(
        "Worker exits",
        "Clean exits, and workers that died: killed, crashed, or without a lifespan.",
        "short",
        Query(increase("sidelight_worker_exits_total", "how"), "{{how}}"),
        empty=NO_DATA,
        colours={"died": BAD, "clean": GOOD},
    ),
    time_series(
        "Garbage collections",
        "Collections per second by generation.",
        "cps",
        Query(COLLECTIONS, "generation {{generation}}"),
        empty=SIDELIGHT_ONLY,
    ),
    time_series(
        "Objects collected",
        "Objects per second by generation. Uncollectable objects are a leak.",
        "cps",
        Query(COLLECTED, "generation {{generation}}"),
        Query(UNCOLLECTABLE, "uncollectable"),
        empty=SIDELIGHT_ONLY,
        colours={"uncollectable": BAD},
    ),
]
BUILD: Final = {
    "version": "Sidelight",
    "fastapi_version": "FastAPI",
    "python_version": "Python",
    "server": "Server",
    "fast_path": "Fast path",
}
BUILDS: Final = f"count by (job, {', '.join(BUILD)}) ({raw('sidelight_build_info')})"
VERSIONS: Final = table(
    "Versions",
    "Two rows for one service mean that a release is in progress, or stuck.",
    [SERVICE, *(Key(label, name) for label, name in BUILD.items())],
    Column(f"topk(50, {BUILDS})", "Instances", "short", decimals=0),
    sort="Instances",
    empty=SIDELIGHT_ONLY,
)


DASHBOARD: Final = dashboard(
    __name__,
    "Event loops, threads, executors, pools and processes. All panels require Sidelight.",
    Section(
        "",
        [
            Row(4, OVERVIEW),
            Row(7, LOOP_TRENDS),
            Row(9, LOOPS),
            Row(9, [LOOP_USE]),
            Row(7, [*MACHINE, *SOCKETS]),
        ],
    ),
    Section("Threads and executors", [Row(7, THREADS)]),
    Section(
        "Pools, dependencies and upstreams",
        [Row(8, POOLS), Row(7, [BY_ROUTE]), Row(7, DEPENDENCIES)],
    ),
    Section("Processes", [Row(10, [INSTANCES]), Row(7, PROCESSES), Row(6, [VERSIONS])]),
)
