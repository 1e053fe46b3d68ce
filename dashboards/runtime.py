"""What is full, stuck or restarted in the processes, and who holds the event loop."""

from typing import Any, Final

from dashboards import frame, recorded
from dashboards.frame import Line, Section
from dashboards.panels import (
    BAD,
    GOOD,
    NONE_SO_FAR,
    NOTHING_WATCHED,
    ONLY_SIDELIGHT,
    PLAIN,
    QUANTILES,
    WARN,
    Column,
    Key,
    Query,
    density,
    figure,
    graph,
    rows,
    steps,
)
from dashboards.promql import RATE, mean, over, quantile, rate, raw, total
from dashboards.promql import recorded as of

POOL: Final = "db_client_connection_pool_name"
CLIENT: Final = "http_client_request_duration_seconds"
EXITS: Final = "sidelight_worker_exits_total"
BLOCKED: Final = 'state="blocked"'
DIED: Final = 'how="died"'


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __file__,
        "Event loops, threads, executors, pools and processes. All of it needs Sidelight.",
        ("job", "instance"),
        [
            Section("", [_numbers()]),
            Section("Event loops", _loops()),
            Section("Threads and executors", _threads()),
            Section("Pools, dependencies and neighbours", _pools()),
            Section("Processes", _processes()),
        ],
    )


def _numbers() -> Line:
    late = total(rate("asyncio_event_loop_lag_seconds_bucket"), "le")
    waiting = raw("anyio_threadpool_waiting"), raw("db_client_connection_pending_requests")
    return Line(
        4,
        [
            figure(
                "Workers that don't answer",
                "Workers whose event loop has not run for seconds.",
                "short",
                Query(f"sum({raw('sidelight_workers', BLOCKED)})", "blocked"),
                empty=ONLY_SIDELIGHT,
                steps=steps((1, BAD)),
            ),
            figure(
                "Event loop lag, p99",
                "How late the event loops run.",
                "s",
                Query(quantile("0.99", late), "p99"),
                empty=ONLY_SIDELIGHT,
                steps=steps((0.1, WARN), (0.5, BAD)),
            ),
            figure(
                "Wait for a thread",
                "Calls that wait for a thread of AnyIO's.",
                "short",
                Query(f"sum({waiting[0]})", "waiting"),
                empty=ONLY_SIDELIGHT,
                steps=steps((1, WARN), (10, BAD)),
            ),
            figure(
                "Wait for a connection",
                "Calls that wait for a connection of a watched pool.",
                "short",
                Query(f"sum({waiting[1]})", "waiting"),
                empty="No pool watched",
                steps=steps((1, WARN), (10, BAD)),
            ),
            figure(
                "Workers that died",
                "Killed or crashed in the time chosen above.",
                "short",
                Query(
                    f"sum(increase({raw('sidelight_worker_exits_total', DIED)}[$__range]))",
                    "died",
                ),
                empty="None",
                steps=steps((0.5, BAD)),
            ),
            figure(
                "Workers",
                "Worker processes.",
                "short",
                Query(f"sum({raw('sidelight_workers')})", "workers"),
                empty=ONLY_SIDELIGHT,
            ),
        ],
    )


def _loops() -> list[Line]:
    late = total(rate("asyncio_event_loop_lag_seconds_bucket"), "le")
    held = total(rate("asyncio_event_loop_blocked_seconds_total"), "job", "http_route")
    holds = total(rate("asyncio_event_loop_blocks_total"), "job", "http_route")
    worst = f"and on (job, http_route) topk(20, {held})"
    to = frame.to("route", "var-job=${__data.fields.Service}", "var-route=${__data.fields.Route}")
    return [
        Line(
            9,
            [
                density(
                    "Event loop lag",
                    "How late heartbeats of the event loops ran; dark at the bottom is well.",
                    Query(late, "{{le}}"),
                    empty=ONLY_SIDELIGHT,
                ),
                rows(
                    "Who holds event loops",
                    "Share of time that a route held a loop, and how often; the 20 worst. An "
                    "empty route is a timer or a task; _UNKNOWN a C extension that kept the GIL.",
                    [Key("job", "Service"), Key("http_route", "Route", to)],
                    [
                        Column(f"topk(20, {held} > 0)", "Held", "percentunit", decimals=2),
                        Column(f"{holds} {worst}", "Holds/s", "cps"),
                    ],
                    sort="Held",
                    empty="Nobody, or needs Sidelight",
                ),
            ],
        ),
        Line(
            7,
            [
                graph(
                    "Lag over time",
                    "How late event loops run.",
                    "s",
                    [
                        Query(quantile("0.5", late), "p50"),
                        Query(quantile("0.99", late), "p99"),
                    ],
                    empty=ONLY_SIDELIGHT,
                    colours=QUANTILES,
                ),
                graph(
                    "Requests in flight",
                    "By method.",
                    "short",
                    [
                        Query(
                            total(raw("http_server_active_requests"), "http_request_method"),
                            "{{http_request_method}}",
                        )
                    ],
                    empty="Not reported",
                    stacked=True,
                ),
                graph(
                    "Longest since a heartbeat",
                    "Of the workers that are chosen, the one whose loop ran longest ago.",
                    "s",
                    [Query(f"max({raw('sidelight_worker_heartbeat_age_seconds')})", "longest")],
                    empty=ONLY_SIDELIGHT,
                    colours={"longest": WARN},
                ),
            ],
        ),
    ]


def _threads() -> list[Line]:
    executor = "executor"
    return [
        Line(
            7,
            [
                graph(
                    "Threads of AnyIO's",
                    "For synchronous endpoints and dependencies, all workers together.",
                    "short",
                    [
                        Query(f"sum({raw('anyio_threadpool_in_use')})", "in use"),
                        Query(f"sum({raw('anyio_threadpool_waiting')})", "waiting"),
                        Query(f"sum({raw('anyio_threadpool_capacity')})", "Limit: capacity"),
                    ],
                    empty=ONLY_SIDELIGHT,
                    colours={"waiting": BAD},
                ),
                graph(
                    "Executors: how full",
                    "Calls that run, of the threads or processes there are; the ten fullest.",
                    "percentunit",
                    [
                        Query(
                            "topk(10, "
                            + over(
                                total(raw("fastapi_executor_in_use"), executor),
                                total(raw("fastapi_executor_capacity"), executor),
                            )
                            + ")",
                            "{{executor}}",
                        )
                    ],
                    empty=NOTHING_WATCHED,
                ),
                graph(
                    "Executors: calls that wait",
                    "Calls queued; the ten longest queues.",
                    "short",
                    [
                        Query(
                            f"topk(10, {total(raw('fastapi_executor_queued'), executor)})",
                            "{{executor}}",
                        )
                    ],
                    empty=NOTHING_WATCHED,
                ),
                graph(
                    "Executors: wait and run",
                    "Mean time from submission to start, and from start to end.",
                    "s",
                    [
                        Query(
                            f"topk(5, {mean('fastapi_executor_wait_seconds', executor)})",
                            "{{executor}} waits",
                        ),
                        Query(
                            f"topk(5, {mean('fastapi_executor_run_seconds', executor)})",
                            "{{executor}} runs",
                        ),
                    ],
                    empty=NOTHING_WATCHED,
                ),
            ],
        )
    ]


def _pools() -> list[Line]:
    used = total(raw("db_client_connection_count", 'db_client_connection_state="used"'), POOL)
    ratio = over(used, total(raw("db_client_connection_max"), POOL))
    waits, uses, given_up = (
        f"topk(20, {expression})"
        for expression in (
            mean("db_client_connection_wait_time_seconds", POOL),
            mean("db_client_connection_use_time_seconds", POOL),
            total(rate("db_client_connection_timeouts_total"), POOL),
        )
    )
    pending = total(raw("db_client_connection_pending_requests"), POOL)
    neighbours = total(rate("http_client_request_duration_seconds_count"), "server_address")
    failing = total(
        rate("http_client_request_duration_seconds_count", 'error_type!=""'), "server_address"
    )
    return [
        Line(
            8,
            [
                rows(
                    "Connection pools",
                    "As they are now; the 20 fullest. Long waits with short uses: the pool is too "
                    "small. Long uses: a connection is held while something else is awaited.",
                    [Key(POOL, "Pool")],
                    [
                        Column(
                            f"topk(20, {ratio})",
                            "In use",
                            "percentunit",
                            ((None, PLAIN), (0.8, WARN), (1, BAD)),
                        ),
                        Column(
                            f"topk(20, {pending})",
                            "Waiting",
                            "short",
                            ((None, PLAIN), (1, BAD)),
                            decimals=0,
                        ),
                        Column(waits, "Mean wait", "s"),
                        Column(uses, "Mean use", "s"),
                        Column(given_up, "Given up/s", "cps"),
                    ],
                    sort="In use",
                    empty=NOTHING_WATCHED,
                ),
                rows(
                    "Other services it calls",
                    "Of watched HTTP clients; the 20 with most requests.",
                    [Key("server_address", "Server")],
                    [
                        Column(f"topk(20, {neighbours})", "Requests/s", "reqps"),
                        Column(
                            f"topk(20, {mean(CLIENT, 'server_address')})",
                            "Mean time",
                            "s",
                        ),
                        Column(
                            "topk(20, "
                            + over(f"({failing} or 0 * {neighbours})", neighbours)
                            + ")",
                            "Errors",
                            "percentunit",
                            ((None, PLAIN), (0.01, BAD)),
                        ),
                    ],
                    sort="Requests/s",
                    empty=NOTHING_WATCHED,
                ),
            ],
        ),
        Line(
            7,
            [
                graph(
                    "Dependencies",
                    "Mean time in dependencies marked with @timed; the ten slowest.",
                    "s",
                    [
                        Query(
                            f"topk(10, {mean('fastapi_dependency_seconds', 'dependency', 'step')})",
                            "{{dependency}} {{step}}",
                        )
                    ],
                    empty="None marked: see @timed",
                ),
                graph(
                    "Dependencies, over a longer time",
                    "The same as recorded over 5 minutes, for long ranges.",
                    "s",
                    [
                        Query(
                            f"topk(10, {of(recorded.DEPENDENCY)})",
                            "{{dependency}} {{step}}",
                            recorded=True,
                        )
                    ],
                    empty="None marked, or rules not loaded",
                ),
                graph(
                    "Other services, over a longer time",
                    "Mean time as recorded over 5 minutes; the ten slowest.",
                    "s",
                    [
                        Query(
                            f"topk(10, {of(recorded.NEIGHBOUR)})",
                            "{{server_address}}",
                            recorded=True,
                        )
                    ],
                    empty="None watched, or rules not loaded",
                ),
            ],
        ),
    ]


def _processes() -> list[Line]:
    place = ("job", "instance")
    memory = total(raw("process_resident_memory_bytes"), *place)
    virtual = total(raw("process_virtual_memory_bytes"), *place)
    limit = f"max by (job, instance) ({raw('sidelight_memory_limit_bytes')})"
    files = f"max by (job, instance) ({raw('process_open_fds')} / {raw('process_max_fds')})"
    cores = total(rate("process_cpu_seconds_total"), *place)
    age = f"time() - max by (job, instance) ({raw('process_start_time_seconds')})"
    top = f"and on (job, instance) topk(30, {cores})"
    collected = total(rate("python_gc_objects_collected_total"), "generation")
    stuck = total(rate("python_gc_objects_uncollectable_total"))
    return [
        Line(
            10,
            [
                rows(
                    "Instances",
                    "The 30 that use most CPU, all workers of each together; files are those of "
                    "the worker that is nearest its limit.",
                    [Key("job", "Service"), Key("instance", "Instance")],
                    [
                        Column(f"topk(30, {cores})", "Cores", "short", decimals=2),
                        Column(f"{memory} {top}", "Memory", "bytes"),
                        Column(
                            f"{over(memory, limit)} {top}",
                            "Of its limit",
                            "percentunit",
                            ((None, PLAIN), (0.8, WARN), (0.9, BAD)),
                        ),
                        Column(f"{virtual} {top}", "Virtual", "bytes"),
                        Column(
                            f"{files} {top}",
                            "Files",
                            "percentunit",
                            ((None, PLAIN), (0.8, BAD)),
                        ),
                        Column(f"{age} {top}", "Newest worker's age", "s"),
                    ],
                    sort="Cores",
                    empty=ONLY_SIDELIGHT,
                )
            ],
        ),
        Line(
            7,
            [
                graph(
                    "Workers that ended",
                    "Clean, or died: killed, crashed, or without a lifespan.",
                    "short",
                    [
                        Query(
                            f"sum by (how) (increase({raw(EXITS)}[{RATE}]))",
                            "{{how}}",
                        )
                    ],
                    empty=NONE_SO_FAR,
                    colours={"died": BAD, "clean": GOOD},
                ),
                graph(
                    "Garbage collections",
                    "Collections a second by generation.",
                    "cps",
                    [
                        Query(
                            total(rate("python_gc_collections_total"), "generation"),
                            "generation {{generation}}",
                        )
                    ],
                    empty=ONLY_SIDELIGHT,
                ),
                graph(
                    "Objects collected",
                    "By generation; uncollectable ones are a leak.",
                    "cps",
                    [
                        Query(collected, "generation {{generation}}"),
                        Query(stuck, "uncollectable"),
                    ],
                    empty=ONLY_SIDELIGHT,
                    colours={"uncollectable": BAD},
                ),
            ],
        ),
        Line(
            6,
            [
                rows(
                    "Versions in use",
                    "Two rows for a service: a release is under way, or stuck.",
                    [
                        Key("job", "Service"),
                        Key("version", "Sidelight"),
                        Key("fastapi_version", "FastAPI"),
                        Key("python_version", "Python"),
                        Key("server", "Server"),
                    ],
                    [
                        Column(
                            "topk(50, count by (job, version, fastapi_version, python_version, "
                            f"server) ({raw('sidelight_build_info')}))",
                            "Instances",
                            "short",
                            decimals=0,
                        )
                    ],
                    sort="Instances",
                    empty=ONLY_SIDELIGHT,
                )
            ],
        ),
    ]
