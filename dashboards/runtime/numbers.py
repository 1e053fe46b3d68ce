"""The first line: what is full or stuck now."""

from typing import Final

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.figures import figure
from dashboards.panels.queries import Query, Shown
from dashboards.promql import quantile, raw
from dashboards.saturation import LATE

BLOCKED: Final = 'state="blocked"'
DIED: Final = 'how="died"'
WAITING = raw("anyio_threadpool_waiting"), raw("db_client_connection_pending_requests")


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(
            4,
            [
                _workers_that_don_t_answer(),
                _event_loop_lag_p99(),
                _wait_for_a_thread(),
                _wait_for_a_connection(),
                _workers_that_died(),
                _workers(),
            ],
        )
    ]


def _workers_that_don_t_answer() -> Shown:
    return figure(
        "Workers that don't answer",
        "Workers whose event loop has not run for seconds.",
        "short",
        Query(f"sum({raw('sidelight_workers', BLOCKED)})", "blocked"),
        empty=silence.ONLY_SIDELIGHT,
        steps=colours.steps((1, colours.BAD)),
    )


def _event_loop_lag_p99() -> Shown:
    return figure(
        "Event loop lag, p99",
        "How late the event loops run.",
        "s",
        Query(quantile("0.99", LATE), "p99"),
        empty=silence.ONLY_SIDELIGHT,
        steps=colours.steps((0.1, colours.WARN), (0.5, colours.BAD)),
    )


def _wait_for_a_thread() -> Shown:
    return figure(
        "Wait for a thread",
        "Calls that wait for a thread of AnyIO's.",
        "short",
        Query(f"sum({WAITING[0]})", "waiting"),
        empty=silence.ONLY_SIDELIGHT,
        steps=colours.steps((1, colours.WARN), (10, colours.BAD)),
    )


def _wait_for_a_connection() -> Shown:
    return figure(
        "Wait for a connection",
        "Calls that wait for a connection of a watched pool.",
        "short",
        Query(f"sum({WAITING[1]})", "waiting"),
        empty="No pool watched",
        steps=colours.steps((1, colours.WARN), (10, colours.BAD)),
    )


def _workers_that_died() -> Shown:
    return figure(
        "Workers that died",
        "Killed or crashed in the time chosen above.",
        "short",
        Query(f"sum(increase({raw('sidelight_worker_exits_total', DIED)}[$__range]))", "died"),
        empty="None",
        steps=colours.steps((0.5, colours.BAD)),
    )


def _workers() -> Shown:
    return figure(
        "Workers",
        "Worker processes.",
        "short",
        Query(f"sum({raw('sidelight_workers')})", "workers"),
        empty=silence.ONLY_SIDELIGHT,
    )
