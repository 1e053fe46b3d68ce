"""Rates of the responses that a latency objective counts, and of those that took longer.

Those that took longer are counted by each target that can (`fastapi_requests_over_objective_total`,
from exact boundaries). Of other targets they are the difference of all responses and those within
the objective. Both are read from scraped series in one expression: where a rule finds what another
recorded only later, as in vmalert, their difference would be the traffic's.
"""

from collections.abc import Callable
from typing import Final

from sidelight.contract import (
    CLIENT_DISCONNECTED,
    ERROR,
    INCOMPLETE_RESPONSE,
    METHOD,
    OBJECTIVE_SECONDS,
    OVER_OBJECTIVE,
    ROUTE,
    SERVER_SHUTDOWN,
    STATUS,
)
from sidelight.slo import histograms, names
from sidelight.slo.context import RuleContext
from sidelight.slo.histograms import DURATION, FIRST_BYTE
from sidelight.slo.objectives import Objective
from sidelight.slo.windows import BASE, plain

UNCOUNTED: Final = f"{CLIENT_DISCONNECTED}|{SERVER_SHUTDOWN}"
GOOD: Final = f'{STATUS}!~"5..",{ERROR}!~"{UNCOUNTED}|{INCOMPLETE_RESPONSE}"'
"""Responses that a latency objective counts; `sidelight.export.over_objective` counts the same."""
EACH: Final = f"<by>, {METHOD}, {ROUTE}"
ByRoute = Callable[[str, str], str]
"""An expression by method and route, of a histogram and matchers of its series."""


def counted(context: RuleContext, objective: Objective, by: str) -> str:
    """The rate of the responses that the objective counts, summed ``by`` these labels."""

    def of_all(family: str, matchers: str) -> str:
        return f"sum by ({EACH}) ({histograms.count(family, matchers)})"

    found = _unless_excluded(context, objective, _judged(context, objective, of_all))
    return context.render(f"sum by ({by}) ({found})")


def over(context: RuleContext, objective: Objective, by: str) -> str:
    """The rate of those that took longer, summed ``by`` these labels."""
    assert objective.seconds is not None  # noqa: S101 for mypy: a latency has seconds
    seconds = plain(objective.seconds)
    label = f'{OBJECTIVE_SECONDS}="{float(objective.seconds)}"'
    counter = f"{OVER_OBJECTIVE.name}{{{_matchers(objective, label)}}}"
    others = f" unless on (<by>, instance, {METHOD}, {ROUTE}) {counter}"

    def of_others(family: str, matchers: str) -> str:
        every, within = (
            f"sum by ({EACH}) (({part}){others})"
            for part in (
                histograms.count(family, matchers),
                histograms.within(family, matchers, seconds),
            )
        )
        return f"{every} - {within}"

    exact = f"sum by ({EACH}, {OBJECTIVE_SECONDS}) (rate({counter}[<{BASE}>]))"
    either = f"{exact} or {_judged(context, objective, of_others)}"
    found = _unless_excluded(context, objective, either)
    return context.render(f"clamp_min(sum by ({by}) ({found}), 0)")


def _judged(context: RuleContext, objective: Objective, of: ByRoute) -> str:
    """What the objective measures: durations, or times to the first byte."""
    starts = of(FIRST_BYTE, _matchers(objective))
    if objective.first_byte and objective.route:
        return f"({starts})"
    kind = names.STARTS if objective.first_byte else names.EVENTS
    streams = f"on ({EACH}) {kind}{context.matchers()}"
    also = "" if objective.first_byte else f" and {streams}"
    durations = of(DURATION, _matchers(objective, GOOD))
    return f"({durations}) unless {streams} or ({starts}){also}"


def _matchers(objective: Objective, *more: str) -> str:
    """Matchers of the scraped series of the objective's route, or of all routes."""
    route = (objective.route.matchers,) if objective.route else ()
    return ",".join((*more, *route, "<sel>"))


def _unless_excluded(context: RuleContext, objective: Objective, series: str) -> str:
    """Without the routes that the service excludes, and those measured to their first byte."""
    if objective.route:
        return series
    routes = (*context.service.exclude, *context.service.streams)
    unless = "".join(
        f" unless on ({EACH}) {names.ROUTE}{context.matchers(one.matchers)}" for one in routes
    )
    return f"({series}){unless}" if unless else series
