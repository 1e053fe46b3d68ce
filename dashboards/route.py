"""What is wrong with this route."""

from collections.abc import Callable
from typing import Any, Final

from dashboards import frame, recorded
from dashboards.frame import Line, Section
from dashboards.panels import (
    BAD,
    CLASSES,
    GOOD,
    NONE_SO_FAR,
    ONLY_SIDELIGHT,
    PLAIN,
    QUANTILES,
    REFUSED,
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
from dashboards.promql import (
    BROKEN,
    DURATION,
    LEFT,
    RATE,
    WHERE,
    mean,
    over,
    quantile,
    rate,
    raw,
    total,
)
from dashboards.promql import recorded as of

SOME: Final = 'http_route!=""'
ROUTE: Final = 'http_route=~"$route"'
FAILED: Final = 'http_response_status_code=~"5.."'
COUNT: Final = f"{DURATION}_count"
FIRST: Final = "fastapi_response_start_seconds"
THEN: Final = (("a day ago", "1d"), ("a week ago", "1w"))


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __file__,
        "One route, or those chosen together: how much, how well, how fast, and where its time "
        "goes.",
        ("job", "instance", "route", "method"),
        [
            Section("", [_numbers()]),
            Section("Requests and how long they take", _felt()),
            Section("Where the time goes", _causes()),
            Section("What it refuses, loses and moves", _refused()),
            Section("WebSockets", _sockets()),
        ],
    )


def _bad() -> str:
    parts = rate(COUNT, WHERE, FAILED, LEFT), rate(COUNT, WHERE, BROKEN)
    return f"sum({' or '.join(parts)})"


def _ratio() -> str:
    whole = total(rate(COUNT, WHERE, LEFT))
    return over(f"({_bad()} or 0 * {whole})", whole)


def _buckets(family: str = DURATION) -> str:
    return total(rate(f"{family}_bucket", WHERE), "le")


def _slow_line() -> Query:
    slow = raw("fastapi_slow_request_threshold_seconds", WHERE)
    return Query(f"min({slow})", "Limit: slow from here")


def _before(ask: Callable[[str], str]) -> list[Query]:
    now = [Query(ask(""), "now")]
    return now + [Query(ask(f" offset {past}"), name) for name, past in THEN]


def _numbers() -> Line:
    left = f"min({of(recorded.BUDGET_LEFT, ROUTE, SOME)})"
    return Line(
        4,
        [
            figure(
                "Requests",
                "Requests a second.",
                "reqps",
                Query(total(rate(COUNT, WHERE)), "requests"),
            ),
            figure(
                "Errors",
                "5xx, or broken off after the status. Never 4xx, nor clients that left.",
                "percentunit",
                Query(_ratio(), "errors"),
                steps=steps((0.001, WARN), (0.01, BAD)),
            ),
            figure(
                "p95",
                "95 of 100 requests were quicker.",
                "s",
                Query(quantile("0.95", _buckets()), "p95"),
            ),
            figure(
                "In flight",
                "Requests that are not answered yet.",
                "short",
                Query(f"sum({raw('fastapi_active_requests', ROUTE)})", "in flight"),
                empty=ONLY_SIDELIGHT,
            ),
            figure(
                "Oldest in flight",
                "Since when the oldest of them waits. It counts in no latency until it ends.",
                "s",
                Query(f"max({raw('fastapi_oldest_active_request_seconds', ROUTE)})", "oldest"),
                empty="None, or needs Sidelight",
                steps=steps((30, WARN), (300, BAD), base=PLAIN),
            ),
            figure(
                "Its own budget left",
                "Of an objective of this route; most routes have none.",
                "percentunit",
                Query(left, "left", recorded=True),
                empty="No objective of its own",
                steps=steps((0, WARN), (0.25, GOOD), base=BAD),
            ),
        ],
    )


def _felt() -> list[Line]:
    classed = (
        f'label_replace({rate(COUNT, WHERE)}, "status_class", "${{1}}xx", '
        '"http_response_status_code", "([1-5])..")'
    )
    by_code = total(
        rate(COUNT, WHERE, 'http_response_status_code=~"4..|5.."'),
        "http_response_status_code",
        "error_type",
    )
    return [
        Line(
            8,
            [
                graph(
                    "Requests by status",
                    "Requests a second by class of status. 4xx is the client's doing.",
                    "reqps",
                    [Query(total(classed, "status_class"), "{{status_class}}")],
                    colours=CLASSES,
                    stacked=True,
                ),
                graph(
                    "Refusals and errors, by code and type",
                    "4xx and 5xx by status and error type; the ten most frequent.",
                    "reqps",
                    [
                        Query(
                            f"topk(10, {by_code} > 0)",
                            "{{http_response_status_code}} {{error_type}}",
                        )
                    ],
                    empty=NONE_SO_FAR,
                ),
                graph(
                    "Exceptions",
                    "Exceptions that escaped the application, by class.",
                    "cps",
                    [
                        Query(
                            "topk(10, "
                            f"{total(rate('fastapi_exceptions_total', ROUTE), 'error_type')})",
                            "{{error_type}}",
                        )
                    ],
                    empty="None so far, or needs Sidelight",
                ),
            ],
        ),
        Line(
            9,
            [
                graph(
                    "Latency",
                    "From arrival to the last byte, against what counts as slow; points are "
                    "traces.",
                    "s",
                    [
                        *(
                            Query(
                                quantile(f"0.{name[1:]}", _buckets()),
                                name,
                                exemplar=name == "p99",
                            )
                            for name in QUANTILES
                        ),
                        _slow_line(),
                    ],
                    colours=QUANTILES,
                ),
                density(
                    "How latencies are spread",
                    "Requests a second in each bucket; points are traces.",
                    Query(_buckets(), "{{le}}", exemplar=True),
                ),
            ],
        ),
        Line(
            7,
            [
                graph(
                    "Requests, now and before",
                    "The same hour a day and a week ago.",
                    "reqps",
                    _before(lambda past: f"sum(rate({raw(COUNT, WHERE)}[{RATE}]{past}))"),
                ),
                graph(
                    "p95, now and before",
                    "The same hour a day and a week ago.",
                    "s",
                    _before(
                        lambda past: quantile(
                            "0.95",
                            f"sum by (le) (rate({raw(f'{DURATION}_bucket', WHERE)}[{RATE}]{past}))",
                        )
                    ),
                ),
                graph(
                    "Its own budget's burn",
                    "Bad requests over an hour as a multiple of what its objective allows.",
                    "short",
                    [
                        Query(
                            f"max by (slo) ({of(recorded.burnt('1h'), ROUTE, SOME)} / "
                            f"{of(recorded.BUDGET, ROUTE, SOME)})",
                            "{{slo}}",
                            recorded=True,
                        ),
                        Query("vector(1)", "Limit: lasts its window"),
                    ],
                    empty="No objective of its own",
                ),
            ],
        ),
    ]


def _causes() -> list[Line]:
    spent = total(rate("fastapi_request_phase_seconds_sum", ROUTE), "phase")
    sampled = total(rate("fastapi_request_phase_seconds_count", ROUTE), "phase")
    return [
        Line(
            8,
            [
                graph(
                    "Phases",
                    "Mean time in each phase of the requests that were sampled.",
                    "s",
                    [Query(over(spent, sampled), "{{phase}}")],
                    empty="No sample yet, or needs Sidelight",
                    stacked=True,
                ),
                graph(
                    "First byte and last byte",
                    "p95 of streamed responses: a late first byte is a slow start, a late last "
                    "one a long stream.",
                    "s",
                    [
                        Query(quantile("0.95", _buckets(FIRST)), "first byte"),
                        Query(quantile("0.95", _buckets()), "last byte"),
                    ],
                    empty="No stream, or needs Sidelight",
                    colours={"first byte": QUANTILES["p50"], "last byte": QUANTILES["p99"]},
                ),
                graph(
                    "Slow requests",
                    "Requests a second that took as long as their route's threshold.",
                    "reqps",
                    [Query(total(rate("fastapi_slow_requests_total", WHERE)), "slow")],
                    empty=ONLY_SIDELIGHT,
                    colours={"slow": WARN},
                ),
            ],
        ),
        Line(
            7,
            [
                graph(
                    "Event loop held by it",
                    "Share of time that it held an event loop; all other requests of that worker "
                    "waited.",
                    "percentunit",
                    [Query(total(rate("asyncio_event_loop_blocked_seconds_total", ROUTE)), "held")],
                    empty="Never, or needs Sidelight",
                    colours={"held": WARN},
                ),
                graph(
                    "Background tasks",
                    "Mean time in background tasks after the last byte. It is no latency.",
                    "s",
                    [Query(mean("fastapi_background_seconds", where=(ROUTE,)), "background")],
                    empty="None, or needs Sidelight",
                ),
            ],
        ),
    ]


def _refused() -> list[Line]:
    fields = ("http_route", "location", "type")
    invalid = f"increase({raw('fastapi_validation_errors_total', ROUTE)}[$__range])"
    return [
        Line(
            8,
            [
                rows(
                    "Validation errors by field",
                    "What was wrong in requests answered by 422, in the time chosen above; the 30 "
                    "most frequent.",
                    [
                        Key("http_route", "Route"),
                        Key("location", "Field"),
                        Key("type", "What is wrong"),
                    ],
                    [Column(f"topk(30, {total(invalid, *fields)})", "Errors", "short", decimals=0)],
                    sort="Errors",
                    empty="None so far, or needs Sidelight",
                ),
                graph(
                    "Lost, left and misfit",
                    "Clients that left before the last byte, requests that died with their "
                    "worker, and responses that didn't fit their model.",
                    "cps",
                    [
                        Query(
                            total(rate("fastapi_client_disconnects_total", WHERE)), "client left"
                        ),
                        Query(total(rate("fastapi_requests_lost_total", ROUTE)), "lost"),
                        Query(
                            total(rate("fastapi_response_validation_errors_total", ROUTE)),
                            "misfit",
                        ),
                    ],
                    empty="None so far, or needs Sidelight",
                    colours={"client left": REFUSED, "lost": BAD, "misfit": WARN},
                ),
                graph(
                    "Size of bodies",
                    "Mean size of request and response bodies.",
                    "bytes",
                    [
                        Query(mean("http_server_request_body_size_bytes", where=(WHERE,)), "in"),
                        Query(mean("http_server_response_body_size_bytes", where=(WHERE,)), "out"),
                    ],
                    empty="No bodies, or not reported",
                ),
            ],
        ),
    ]


def _sockets() -> list[Line]:
    ended = total(rate("fastapi_websocket_duration_seconds_count", ROUTE), "close_code")
    return [
        Line(
            7,
            [
                graph(
                    "Open",
                    "WebSocket connections open.",
                    "short",
                    [Query(f"sum({raw('fastapi_websocket_active', ROUTE)})", "open")],
                    empty="No WebSocket, or needs Sidelight",
                ),
                graph(
                    "Ended, by close code",
                    "Connections that ended a second; 1000 and 1001 are as they should be.",
                    "cps",
                    [Query(ended, "{{close_code}}")],
                    empty="No WebSocket, or needs Sidelight",
                ),
                graph(
                    "How long they lived",
                    "Median life of the connections that ended.",
                    "s",
                    [
                        Query(
                            quantile(
                                "0.5",
                                total(
                                    rate("fastapi_websocket_duration_seconds_bucket", ROUTE), "le"
                                ),
                            ),
                            "median",
                        )
                    ],
                    empty="No WebSocket, or needs Sidelight",
                ),
            ],
        )
    ]
