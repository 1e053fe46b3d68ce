"""Alerts on how fast error budgets burn, one rule for each objective and pair of windows."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TypedDict

from sidelight.contract import METHOD, ROUTE
from sidelight.durations import UNITS, to_milliseconds
from sidelight.slo import names
from sidelight.slo.alert import Alert, Board
from sidelight.slo.asking import ask, pack_method_scheme
from sidelight.slo.objectives import Objective
from sidelight.slo.plan import Plan, labels, matchers
from sidelight.slo.recording import bad_of, slow_among
from sidelight.slo.windows import BURNS, Burn, percent, plain

FAILS = {
    "availability": "of requests failed (5xx, or broken off)",
    "latency": "of good responses took longer than {seconds}s",
}
DO = {
    "availability": "see which status and which exception (fastapi_exceptions_total) it is, "
    "and undo the last change if it began with one.",
    "latency": "see whether a loop, a pool or a neighbour is slow (alerts of the same service), "
    "and undo the last change if it began with one.",
}
FEW = 3
DAYS_FROM = 100
"""Hours from which on people count in days."""


class _Where(TypedDict):
    """The dashboard that an alert links to."""

    board: Board
    opens: tuple[str, ...]


def alerts(plan: Plan) -> Iterator[Alert]:
    """Every burn that can be, of every objective, then the budgets and the rarely used."""
    for objective in plan.service.objectives:
        for burn in BURNS:
            if objective.can_fire(burn):
                yield _burn(plan, objective, burn)
        yield _exhausted(plan, objective)
        if objective.kind == "availability":
            yield _few(plan, objective)


def _burn(plan: Plan, objective: Objective, burn: Burn) -> Alert:
    threshold = plain(burn.factor * objective.budget)
    own = plan.matchers(matchers(objective))
    long, short = burn.long, burn.short
    return Alert(
        name=f"{objective.kind.capitalize()}BudgetBurns{burn.speed}",
        severity=burn.severity,
        hold=burn.hold,
        expr=f"{names.ratio(long)}{own} > {threshold}"
        f" and {names.ratio(short)}{own} > {threshold}"
        f" and {names.bad(long)}{own} >= {plan.service.min_bad_events}",
        summary=f"{_who(objective)}: {{{{ $value | humanizePercentage }}}} {_fails(objective)}",
        description=f"Over the last <{long}>, {{{{ $value | humanizePercentage }}}} "
        f"{_fails(objective)}. The objective allows {percent(objective.budget)}, over "
        f"{plan.service.window}: this is {_pace(burn.factor)} the pace at which that lasts, and "
        f"spends it in {_gone(plan, burn.factor)}."
        f"{_worst(plan, objective)}",
        do=DO[objective.kind],
        **_where(objective),
        labels=(*labels(objective).items(), ("window", long)),
    )


def _exhausted(plan: Plan, objective: Objective) -> Alert:
    own, window = plan.matchers(matchers(objective)), plan.service.window
    return Alert(
        name="ErrorBudgetExhausted",
        severity="warning",
        hold="15m",
        # What is spent, and not what is left: nobody reads a negative share.
        expr=f"1 - {names.BUDGET_LEFT}{own} >= 1"
        f" and {names.bad(window)}{own} >= {plan.service.min_bad_events}",
        summary=f"{_who(objective)}: the {objective.kind} budget of {window} is spent",
        description=f"{{{{ $value | humanizePercentage }}}} of the error budget is spent: over "
        f"{window}, more than {percent(objective.budget)} {_fails(objective)}.",
        do="let changes that make it more reliable go before others until some is left.",
        **_where(objective),
        labels=(*labels(objective).items(),),
    )


def _few(plan: Plan, objective: Objective) -> Alert:
    own, least = plan.matchers(matchers(objective)), plan.service.min_bad_events
    return Alert(
        name="LowTrafficHighErrorRatio",
        severity="warning",
        hold="5m",
        expr=f"{names.ratio('6h')}{own} > 0.5 and {names.ratio('2h')}{own} > 0.5"
        f" and {names.bad('6h')}{own} >= {min(FEW, least)} and {names.bad('6h')}{own} < {least}",
        summary=f"{_who(objective)}: few requests, and "
        "{{ $value | humanizePercentage }} of them failed",
        description="Over the last <6h>, {{ $value | humanizePercentage }} of requests failed: "
        f"fewer than {least}, so no burn alert speaks.{_worst(plan, objective)}",
        do="send such a request yourself, and see what it answers.",
        **_where(objective),
        labels=(*labels(objective).items(),),
    )


def _where(objective: Objective) -> _Where:
    if objective.route:
        return {"board": "route", "opens": (METHOD, ROUTE)}
    return {"board": "service", "opens": ()}


def _who(objective: Objective) -> str:
    return f"{objective.route} of <service>" if objective.route else "<service>"


def _fails(objective: Objective) -> str:
    text = FAILS[objective.kind].format(seconds=plain(objective.seconds or Decimal(0)))
    if objective.first_byte and objective.route:
        return text.replace("took longer", "sent their first byte later")
    return f"{text} (streams: to their first byte)" if objective.first_byte else text


def _pace(factor: Decimal) -> str:
    return "more than" if factor == 1 else f"over {plain(factor)} times"


def _gone(plan: Plan, factor: Decimal) -> str:
    hours = Decimal(to_milliseconds(plan.service.window)) / UNITS["h"] / factor
    if hours < DAYS_FROM:
        return f"{plain(hours.quantize(Decimal(1)))} hours"
    return f"{plain((hours / 24).quantize(Decimal('0.1')))} days"


def _worst(plan: Plan, objective: Objective) -> str:
    """Ask, in the annotation, which route of a service it is."""
    if objective.route:
        return ""
    inner, by = pack_method_scheme(plan), f"{METHOD}, {ROUTE}"
    if objective.kind == "availability":
        bad = bad_of(inner, objective, by)
    else:
        good, quick = slow_among(inner, objective, by)
        bad = f"{good} - {quick}"
    text = f" Most of them on {{{{ .Labels.{METHOD} }}}} {{{{ .Labels.{ROUTE} }}}}."
    return ask(plan, f"topk(1, {bad} > 0)", text)
