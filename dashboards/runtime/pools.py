"""Pools, dependencies and neighbours."""

from typing import Final

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import mean, over, rate, raw, total
from dashboards.promql import recorded as of
from dashboards.saturation import FULL_POOLS
from sidelight.contract import POOL
from sidelight.slo import names

CLIENT: Final = "http_client_request_duration_seconds"
WAITS, USES, GIVEN_UP = (
    f"topk(20, {expression})"
    for expression in (
        mean("db_client_connection_wait_time_seconds", POOL),
        mean("db_client_connection_use_time_seconds", POOL),
        total(rate("db_client_connection_timeouts_total"), POOL),
    )
)
PENDING = total(raw("db_client_connection_pending_requests"), POOL)
NEIGHBOURS = total(rate("http_client_request_duration_seconds_count"), "server_address")
FAILING = total(
    rate("http_client_request_duration_seconds_count", 'error_type!=""'), "server_address"
)


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(8, [_connection_pools(), _other_services_it_calls()]),
        Line(
            7,
            [
                _dependencies(),
                _dependencies_over_a_longer_time(),
                _other_services_over_a_longer_time(),
            ],
        ),
    ]


def _connection_pools() -> Shown:
    return rows(
        "Connection pools",
        "As they are now; the 20 fullest. Long waits with short uses: the pool is too "
        "small. Long uses: a connection is held while something else is awaited.",
        [Key(POOL, "Pool")],
        [
            Column(
                f"topk(20, {FULL_POOLS})",
                "In use",
                "percentunit",
                ((None, colours.PLAIN), (0.8, colours.WARN), (1, colours.BAD)),
            ),
            Column(
                f"topk(20, {PENDING})",
                "Waiting",
                "short",
                ((None, colours.PLAIN), (1, colours.BAD)),
                decimals=0,
            ),
            Column(WAITS, "Mean wait", "s"),
            Column(USES, "Mean use", "s"),
            Column(GIVEN_UP, "Given up/s", "cps"),
        ],
        sort="In use",
        empty=silence.NOTHING_WATCHED,
    )


def _other_services_it_calls() -> Shown:
    return rows(
        "Other services it calls",
        "Of watched HTTP clients; the 20 with most requests.",
        [Key("server_address", "Server")],
        [
            Column(f"topk(20, {NEIGHBOURS})", "Requests/s", "reqps"),
            Column(f"topk(20, {mean(CLIENT, 'server_address')})", "Mean time", "s"),
            Column(
                "topk(20, " + over(f"({FAILING} or 0 * {NEIGHBOURS})", NEIGHBOURS) + ")",
                "Errors",
                "percentunit",
                ((None, colours.PLAIN), (0.01, colours.BAD)),
            ),
        ],
        sort="Requests/s",
        empty=silence.NOTHING_WATCHED,
    )


def _dependencies() -> Shown:
    return graph(
        "Dependencies",
        "Mean time in dependencies marked with @timed; the ten slowest.",
        "s",
        [
            Query(
                f"topk(10, {mean('fastapi_dependency_duration_seconds', 'dependency', 'step')})",
                "{{dependency}} {{step}}",
            )
        ],
        empty="None marked: see @timed",
    )


def _dependencies_over_a_longer_time() -> Shown:
    return graph(
        "Dependencies, over a longer time",
        "The same as recorded over 5 minutes, for long ranges.",
        "s",
        [Query(f"topk(10, {of(names.DEPENDENCY)})", "{{dependency}} {{step}}", recorded=True)],
        empty="None marked, or rules not loaded",
    )


def _other_services_over_a_longer_time() -> Shown:
    return graph(
        "Other services, over a longer time",
        "Mean time as recorded over 5 minutes; the ten slowest.",
        "s",
        [Query(f"topk(10, {of(names.UPSTREAM)})", "{{server_address}}", recorded=True)],
        empty="None watched, or rules not loaded",
    )
