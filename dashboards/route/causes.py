"""Where its time goes."""

from typing import Final

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import WHERE, mean, over, quantile, rate, total
from dashboards.promql import recorded as of
from dashboards.route.parts import FAILED, ROUTE, buckets
from sidelight.slo import names

FIRST: Final = "fastapi_time_to_first_byte_seconds"
SPENT = total(rate("fastapi_request_phase_duration_seconds_sum", ROUTE), "phase")
SAMPLED = total(rate("fastapi_request_phase_duration_seconds_count", ROUTE), "phase")
STREAMED = (
    f"sum by (le) ({of(names.ROUTE_LE, WHERE)} and on (job, http_request_method, http_route) "
    f"{rate(f'{FIRST}_count', WHERE)})"
)
FAILURES = over(
    total(of(names.STATUS_TIME, WHERE, FAILED)), total(of(names.ROUTE_STATUS, WHERE, FAILED))
)


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(8, [_phases(), _first_byte_and_last_byte(), _slow_requests()]),
        Line(7, [_event_loop_held_by_it(), _background_tasks(), _how_long_failures_take()]),
    ]


def _phases() -> Shown:
    return graph(
        "Phases",
        "Mean time in each phase of the requests that were sampled.",
        "s",
        [Query(over(SPENT, SAMPLED), "{{phase}}")],
        empty="No sample yet, or needs Sidelight",
        stacked=True,
    )


def _first_byte_and_last_byte() -> Shown:
    return graph(
        "First byte and last byte",
        "p95 of streamed responses: a late first byte is a slow start, a late last "
        "one a long stream.",
        "s",
        [
            Query(quantile("0.95", buckets(FIRST)), "first byte"),
            Query(quantile("0.95", STREAMED), "last byte", recorded=True),
        ],
        empty="No stream, or needs Sidelight",
        colours={"first byte": colours.QUANTILES["p50"], "last byte": colours.QUANTILES["p99"]},
    )


def _slow_requests() -> Shown:
    return graph(
        "Slow requests",
        "Requests a second that took as long as their route's threshold.",
        "reqps",
        [Query(total(of(names.ROUTE_SLOW, WHERE)), "slow", recorded=True)],
        empty=silence.ONLY_SIDELIGHT,
        colours={"slow": colours.WARN},
    )


def _event_loop_held_by_it() -> Shown:
    return graph(
        "Event loop held by it",
        "How long it held event loops; all other requests of that worker waited. 200 % is two "
        "loops all the time.",
        "percentunit",
        [Query(total(rate("asyncio_event_loop_blocked_seconds_total", ROUTE)), "held")],
        empty="Never, or needs Sidelight",
        colours={"held": colours.WARN},
    )


def _background_tasks() -> Shown:
    return graph(
        "Background tasks",
        "Mean time in background tasks after the last byte. It is no latency.",
        "s",
        [Query(mean("fastapi_background_task_duration_seconds", where=(ROUTE,)), "background")],
        empty="None, or needs Sidelight",
    )


def _how_long_failures_take() -> Shown:
    return graph(
        "How long failures take",
        "Mean time of 5xx, which are in no latency above: long ones are timeouts of something "
        "else, short ones faults of its own.",
        "s",
        [Query(FAILURES, "5xx", recorded=True)],
        empty=silence.NONE_SO_FAR,
        colours={"5xx": colours.BAD},
    )
