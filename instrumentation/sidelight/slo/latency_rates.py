"""Rates of the responses that a latency objective counts, and of those that took longer.

Those that took longer are counted by each target that can (`fastapi_requests_over_objective_total`,
from exact boundaries). Of other targets they are the difference of all responses and those within
the objective, which is of one evaluation: where a rule finds what another recorded only later, as
in vmalert, a difference of recorded series would be the traffic's.
"""

from typing import Final

from sidelight import histogram_queries
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
from sidelight.histogram_queries import DURATION, FIRST_BYTE
from sidelight.slo import names
from sidelight.slo.context import RuleContext
from sidelight.slo.objectives import Objective
from sidelight.slo.windows import BASE, plain

UNCOUNTED: Final = f"{CLIENT_DISCONNECTED}|{SERVER_SHUTDOWN}"
GOOD: Final = f'{STATUS}!~"5..",{ERROR}!~"{UNCOUNTED}|{INCOMPLETE_RESPONSE}"'
"""Responses that a latency objective counts; `sidelight.export.over_objective` counts the same."""
EACH: Final = f"<by>, {METHOD}, {ROUTE}"


def over(context: RuleContext, objective: Objective) -> str:
    """The rate of the responses that took longer than the objective, by route."""
    assert objective.seconds is not None  # noqa: S101 for mypy: a latency has seconds
    seconds = plain(objective.seconds)
    route = (objective.route.matchers,) if objective.route else ()
    target = f"<by>, instance, {METHOD}, {ROUTE}"

    def difference(family: str, *matchers: str) -> str:
        text = ",".join((*matchers, *route, "<sel>"))
        every = histogram_queries.count(family, text)
        within = histogram_queries.within(family, text, seconds)
        return f"(sum by ({target}) ({every}) - sum by ({target}) ({within}))"

    label = f'{OBJECTIVE_SECONDS}="{float(objective.seconds)}"'
    counter = f"{OVER_OBJECTIVE.name}{{{','.join((label, *route, '<sel>'))}}}"
    starts, durations = difference(FIRST_BYTE), difference(DURATION, GOOD)
    others = by_first_byte(context, objective, starts, durations)
    rate = f"rate({counter}[<{BASE}>])"
    return context.render(f"sum by ({EACH}) ({rate} or on ({target}) ({others}))")


def by_first_byte(context: RuleContext, objective: Objective, starts: str, durations: str) -> str:
    """Of two expressions by route, the one that the objective measures."""
    if objective.first_byte and objective.route:
        return starts
    kind = names.STARTS if objective.first_byte else names.EVENTS
    streams = context.render(f"on ({EACH}) {kind}{context.matchers()}")
    also = "" if objective.first_byte else f" and {streams}"
    return f"{durations} unless {streams} or {starts}{also}"


def scope(objective: Objective) -> str:
    """The label ``objective`` of the series of `over`: a route may be in two objectives."""
    return "route" if objective.route else "service"
