"""Panels of the Runtime dashboard: what requests wait for, as threads, pools and upstreams."""

from typing import Final

from dashboards import shared
from dashboards.colours import BAD, WARN
from dashboards.histograms import mean
from dashboards.panels import NOTHING_WATCHED, PanelBuilder, time_series
from dashboards.queries import POOL_USAGE, Query, in_top, rate, ratio, raw, recorded, spaced, total
from dashboards.tables import Column, Key, coloured_column, table
from dashboards.upstreams import upstreams
from sidelight.contract import POOL
from sidelight.slo import names


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
    upstreams("Upstreams", "The servers that watched HTTP clients call"),
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
