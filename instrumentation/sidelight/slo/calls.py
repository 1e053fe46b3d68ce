"""Alerts on what requests call: dependencies, and servers by way of HTTP clients."""

from typing import Final

from sidelight import histogram_queries
from sidelight.contract import ERROR, PORT, SERVER
from sidelight.slo import names
from sidelight.slo.alerts import OF_RESULT, UPSTREAM, AlertDefinition
from sidelight.slo.context import range_query

CALLS: Final = "http_client_request_duration_seconds"
FAILED: Final = f'{ERROR}!~"|4.."'
"""Calls that raised, or were answered with 5xx: a 4xx is often the answer that was asked for."""
OF_SERVER: Final = f'{SERVER}="$labels.{SERVER}",{PORT}="$labels.{PORT}"<,own>'
FAILED_OF_SERVER: Final = histogram_queries.count(CALLS, f"{FAILED},{OF_SERVER}")
MOST_FAILED: Final = range_query(
    f"topk(1, sum by (http_route, {ERROR}) ({FAILED_OF_SERVER}) > 0)",
    f" Most of them are sent by {OF_RESULT}, and end with {{{{ .Labels.{ERROR} }}}}.",
)
MOST_TIME: Final = range_query(
    f"topk(1, sum by (http_route) ({histogram_queries.total(CALLS, OF_SERVER)}) > 0)",
    f" Most of that time is spent by {OF_RESULT}.",
)


def _slower(mean: str, family: str, by: str) -> str:
    """Three times the median of the last day, over 100 ms, and with enough calls to compare."""
    past = f"quantile_over_time(0.5, {mean}{{<recorded>}}[<1d>] offset <30m>)"
    calls = f"sum by (<by>, {by}) ({histogram_queries.count(family, '<sel>')}) > 0.1"
    return (
        f"{mean}{{<recorded>}} > 3 * {past} and {mean}{{<recorded>}} > 0.1"
        f" and on (<by>, {by}) {calls}"
    )


def _failing() -> str:
    """The share of a route's requests to a server that fail, where ten or more do."""
    each = f"sum by (<by>, http_route, {SERVER}, {PORT})"
    failed = f"{FAILED}<,sel>"
    return (
        f"{each} ({histogram_queries.count(CALLS, failed)})"
        f" / {each} ({histogram_queries.count(CALLS, '<sel>')})"
        f" and {each} ({histogram_queries.count(CALLS, failed, 'increase')}) >= 10"
    )


ALERTS: Final = (
    AlertDefinition(
        name="FastAPIDependencySlow",
        severity="warning",
        hold="10m",
        expr=_slower(names.DEPENDENCY, "fastapi_dependency_duration_seconds", "dependency, step"),
        summary="The dependency {{ $labels.dependency }} ({{ $labels.step }}) of <service> is slow",
        description="The {{ $labels.step }} of the dependency {{ $labels.dependency }} takes "
        "{{ $value | humanizeDuration }} on average, more than 3 times its median over a day.",
        action="look at what the dependency calls, and at the pool it takes connections from.",
        dashboard="runtime",
    ),
    AlertDefinition(
        name="HTTPClientSlow",
        severity="warning",
        hold="10m",
        expr=_slower(names.UPSTREAM, CALLS, f"{SERVER}, {PORT}"),
        summary=f"{UPSTREAM} answers <service> slowly",
        description=f"Requests from <service> to {UPSTREAM} take "
        "{{ $value | humanizeDuration }} on average, more than 3 times their median over a day."
        f"{MOST_TIME}",
        action="ask the operators of that server. Meanwhile, see that calls to it have a timeout.",
        dashboard="runtime",
    ),
    AlertDefinition(
        name="HTTPClientErrors",
        severity="warning",
        hold="2m",
        expr=f"max by (<by>, {SERVER}, {PORT}) ({_failing()}) > 0.1",
        summary=f"Requests of <service> to {UPSTREAM} fail",
        description="{{ $value | humanizePercentage }} of the requests that a route of <service> "
        f"sends to {UPSTREAM} failed within <5m>: they raised an exception, or were answered with "
        f"5xx.{MOST_FAILED}",
        action="send that server such a request yourself. See that calls to it have a timeout, and "
        "whether the route can answer without it.",
        dashboard="runtime",
    ),
)
