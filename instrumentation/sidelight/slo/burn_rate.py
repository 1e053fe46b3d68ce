"""Alerts on error budgets: the rate at which they are spent, and what is left of them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final, TypedDict

from sidelight import histogram_queries
from sidelight.contract import ERROR, METHOD, ROUTE
from sidelight.durations import UNITS, to_milliseconds
from sidelight.histogram_queries import DURATION
from sidelight.route_pattern import RoutePattern
from sidelight.slo import names, versions
from sidelight.slo.alerts import OF_RESULT, AlertDefinition, DashboardName
from sidelight.slo.context import RuleContext, labels, matchers, range_query
from sidelight.slo.objectives import Objective
from sidelight.slo.recording import bad_of
from sidelight.slo.windows import BURN_RATES, BurnRate, percent, plain

BAD: Final = {
    "availability": "of the requests failed (with a 5xx status or an incomplete response)",
    "latency": "of the good responses took longer than {seconds}s",
}
ACTION: Final = {
    "availability": "see which status and which exception (fastapi_exceptions_total) it is. If it "
    "began with a change, undo that change.",
    "latency": "see whether an event loop, a pool or an upstream service is slow (alerts of the "
    "same service). If it began with a change, undo that change.",
}
WAITS: Final = {
    "availability": "",
    "latency": range_query(
        "topk(1, sum by (http_route) (rate(fastapi_queue_seconds_caused_total{<own>}[<5m>]))"
        f" / on () group_left () sum ({histogram_queries.total(DURATION, '<own>')}) > 0.25)",
        " {{ .Value | humanizePercentage }} of the time of all requests is spent waiting for the"
        f" event loop, which {OF_RESULT} keeps busy.",
    ),
}
"""The route that requests wait for, which is another one than those that are slow."""
MIN_FAILED: Final = 3
"""The failed requests that LowTrafficHighErrorRatio needs."""


class _Dashboard(TypedDict):
    dashboard: DashboardName
    opens: tuple[str, ...]


def alerts(context: RuleContext) -> Iterator[AlertDefinition]:
    """For each objective: its burn rates that are possible, and its budget."""
    for objective in context.service.objectives:
        for rate in BURN_RATES:
            if objective.can_reach(rate):
                yield _burn(context, objective, rate)
        yield _exhausted(context, objective)
        if objective.kind == "availability":
            yield _low_traffic(context, objective)


def _burn(context: RuleContext, objective: Objective, rate: BurnRate) -> AlertDefinition:
    threshold = plain(rate.factor * objective.budget)
    own = context.matchers(matchers(objective))
    long, short = rate.long, rate.short
    return AlertDefinition(
        name=f"{objective.kind.capitalize()}ErrorBudgetBurn",
        severity=rate.severity,
        hold=rate.hold,
        expr=f"{names.ratio(long)}{own} > {threshold}"
        f" and {names.ratio(short)}{own} > {threshold}"
        f" and {names.bad(long)}{own} >= {context.service.min_bad_events}",
        summary=f"{_subject(objective)}: {{{{ $value | humanizePercentage }}}} {_bad(objective)}",
        description=f"Over the last <{long}>, {{{{ $value | humanizePercentage }}}} "
        f"{_bad(objective)}. The objective allows {percent(objective.budget)} over "
        f"{context.service.window}. That is a burn rate of "
        f"{_computed(f'%v / {plain(objective.budget)}', 'humanize')}, which spends the whole error "
        f"budget in {_time_to_exhaustion(context, objective, rate)}."
        f"{_worst_route(context, objective)}{WAITS[objective.kind]}"
        f"{versions.told(context, long)}",
        action=ACTION[objective.kind],
        **_dashboard(objective),
        labels=(*labels(objective).items(), ("window", long)),
    )


def _exhausted(context: RuleContext, objective: Objective) -> AlertDefinition:
    own, window = context.matchers(matchers(objective)), context.service.window
    return AlertDefinition(
        name="ErrorBudgetExhausted",
        severity="warning",
        hold="15m",
        # What is spent, not what is left: a negative share is hard to read.
        expr=f"1 - {names.BUDGET_LEFT}{own} >= 1"
        f" and {names.bad(window)}{own} >= {context.service.min_bad_events}",
        summary=f"{_subject(objective)}: the {objective.kind} error budget of {window} is spent",
        description=f"{{{{ $value | humanizePercentage }}}} of the error budget is spent: over "
        f"the last {window}, more than {percent(objective.budget)} {_bad(objective)}.",
        action="give changes that make the service more reliable priority over other changes "
        "until some of the budget is left.",
        **_dashboard(objective),
        labels=(*labels(objective).items(),),
    )


def _low_traffic(context: RuleContext, objective: Objective) -> AlertDefinition:
    own, least = context.matchers(matchers(objective)), context.service.min_bad_events
    bad = f"{names.bad('6h')}{own}"
    return AlertDefinition(
        name="LowTrafficHighErrorRatio",
        severity="warning",
        hold="5m",
        expr=f"{names.ratio('6h')}{own} > 0.5 and {names.ratio('2h')}{own} > 0.5"
        f" and {bad} >= {min(MIN_FAILED, least)} and {bad} < {least}",
        summary=f"{_subject(objective)}: the traffic is low, and "
        "{{ $value | humanizePercentage }} of the requests failed",
        description="Over the last <6h>, {{ $value | humanizePercentage }} of the requests "
        f"failed. They are fewer than {least}, so no burn rate alert fires."
        f"{_worst_route(context, objective)}",
        action="send such a request yourself, and see the response.",
        **_dashboard(objective),
        labels=(*labels(objective).items(),),
    )


def _dashboard(objective: Objective) -> _Dashboard:
    if objective.route:
        return {"dashboard": "route", "opens": (METHOD, ROUTE)}
    return {"dashboard": "service", "opens": ()}


def _subject(objective: Objective) -> str:
    return f"{objective.route} of <service>" if objective.route else "<service>"


def _bad(objective: Objective) -> str:
    text = BAD[objective.kind].format(seconds=plain(objective.seconds or Decimal(0)))
    if objective.first_byte and objective.route:
        return text.replace("took longer", "sent their first byte later")
    return f"{text} (streams: to the first byte)" if objective.first_byte else text


def _time_to_exhaustion(context: RuleContext, objective: Objective, rate: BurnRate) -> str:
    """A template of the time at the measured burn rate: hours where it pages, days where not."""
    unit, name = ("h", "hours") if rate.severity == "critical" else ("d", "days")
    window = Decimal(to_milliseconds(context.service.window)) / UNITS[unit]
    return f"{_computed(f'{plain(window * objective.budget)} / %v', 'printf `%.1f`')} {name}"


def _computed(expression: str, form: str) -> str:
    """A template that writes the result of an expression, where ``%v`` is the alert's value.

    Templates have no arithmetic, so Prometheus evaluates it as a query.
    """
    query = f"{{{{ with printf `vector({expression})` $value | query }}}}"
    return f"{query}{{{{ . | first | value | {form} }}}}{{{{ end }}}}"


def _worst_route(context: RuleContext, objective: Objective) -> str:
    """A query in an alert's description, for the route with the most bad requests, and their cause.

    The alert of a route's objective names the route itself.
    """
    if objective.route:
        own = RoutePattern("", objective.route.template).matchers
        return _exception(objective, own, " Most of the exceptions are {{ .Labels.error_type }}.")
    inner, by = context.for_annotation(), f"{METHOD}, {ROUTE}"
    bad = bad_of(inner, objective, by)
    of_route = f'{ROUTE}=".Labels.{ROUTE}"'
    cause = _exception(objective, of_route, ", with {{ .Labels.error_type }}")
    text = f" Most of them are on {{{{ .Labels.{METHOD} }}}} {{{{ .Labels.{ROUTE} }}}}{cause}."
    return range_query(f"topk(1, {bad} > 0)", text)


def _exception(objective: Objective, route: str, text: str) -> str:
    """A query for the class of most exceptions that escaped the application on a route."""
    if objective.kind == "latency":
        return ""
    raised = f"increase(fastapi_exceptions_total{{{route}<,own>}}[<5m>])"
    return range_query(f"topk(1, sum by ({ERROR}) ({raised}) > 0)", text)
