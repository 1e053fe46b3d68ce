"""How much, how well and how fast, over time."""

from collections.abc import Callable
from typing import Final

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.graphs import density, graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import WHERE, burn, limit, quantile, rate, total, traces
from dashboards.promql import recorded as of
from dashboards.route.parts import ROUTE, SOME, good
from sidelight.slo import names
from sidelight.slo.recording import CLASS

THEN: Final = (("a day ago", "1d"), ("a week ago", "1w"))
SLOW_FROM = f"min({of(names.ROUTE_SLOW_FROM, WHERE)})"
OBJECTIVE = f"min({of(names.SECONDS, WHERE, SOME)})"
BY_CODE = total(
    of(names.ROUTE_STATUS, WHERE, 'http_response_status_code=~"4..|5.."'),
    "http_response_status_code",
    "error_type",
)


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(8, [_requests_by_status(), _refusals_and_errors_by_code_and_type(), _exceptions()]),
        Line(9, [_latency(), _how_latencies_are_spread()]),
        Line(7, [_requests_now_and_before(), _p95_now_and_before(), _its_own_budget_s_burn()]),
    ]


def _requests_by_status() -> Shown:
    return graph(
        "Requests by status",
        f"Requests a second by class of status. 4xx is the client's doing. {silence.ALL_INSTANCES}",
        "reqps",
        [
            Query(
                total(of(names.ROUTE_CLASS, WHERE), CLASS),
                "{{status_class}}",
                recorded=True,
            )
        ],
        colours=colours.CLASSES,
        stacked=True,
    )


def _refusals_and_errors_by_code_and_type() -> Shown:
    return graph(
        "Refusals and errors, by code and type",
        "4xx and 5xx by status and error type; the ten most frequent.",
        "reqps",
        [
            Query(
                f"topk(10, {BY_CODE} > 0)",
                "{{http_response_status_code}} {{error_type}}",
                recorded=True,
            )
        ],
        empty=silence.NONE_SO_FAR,
    )


def _exceptions() -> Shown:
    return graph(
        "Exceptions",
        "Exceptions that escaped the application, by class.",
        "cps",
        [
            Query(
                f"topk(10, {total(rate('fastapi_exceptions_total', ROUTE), 'error_type')})",
                "{{error_type}}",
            )
        ],
        empty="None so far, or needs Sidelight",
    )


def _latency() -> Shown:
    return graph(
        "Latency",
        f"Good responses, from arrival to the last byte, against what counts as slow and against "
        f"an objective of its own; points are traces. {silence.ALL_INSTANCES}",
        "s",
        [
            *(
                Query(quantile(f"0.{name[1:]}", good()), name, recorded=True)
                for name in colours.QUANTILES
            ),
            Query(SLOW_FROM, "Limit: slow from here", recorded=True),
            Query(OBJECTIVE, "Limit: objective", recorded=True),
            Query(traces(WHERE), "traces", exemplar=True),
        ],
        colours=colours.QUANTILES,
    )


def _how_latencies_are_spread() -> Shown:
    return density(
        "How latencies are spread",
        "Good responses a second in each bucket: two bands are two kinds of request; points are "
        "traces.",
        Query(good(), "{{le}}", recorded=True),
        Query(traces(WHERE), "traces", exemplar=True),
        empty=silence.NO_RULES,
    )


def _requests_now_and_before() -> Shown:
    return graph(
        "Requests, now and before",
        "The same hour a day and a week ago.",
        "reqps",
        _before(lambda past: f"sum({of(names.ROUTE, WHERE)}{past})"),
    )


def _p95_now_and_before() -> Shown:
    return graph(
        "p95, now and before",
        "The same hour a day and a week ago.",
        "s",
        _before(lambda past: quantile("0.95", f"sum by (le) ({of(names.ROUTE_LE, WHERE)}{past})")),
    )


def _its_own_budget_s_burn() -> Shown:
    return graph(
        "Its own budget's burn",
        "Bad requests over an hour as a multiple of what its objective allows.",
        "short",
        [
            Query(
                f"max by (slo) ({burn('1h', WHERE, SOME)})",
                "{{slo}}",
                recorded=True,
            ),
            Query(
                limit("1", of(names.BUDGET, WHERE, SOME)), "Limit: lasts its window", recorded=True
            ),
        ],
        empty="No objective of its own",
    )


def _before(ask: Callable[[str], str]) -> list[Query]:
    now = [Query(ask(""), "now", recorded=True)]
    return now + [Query(ask(f" offset {past}"), name, recorded=True) for name, past in THEN]
