"""The diagnosis: all questions are asked, causes are found, put in order, and reported."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from sidelight.histogram_queries import NATIVE_FUNCTION
from sidelight.why import (
    condition_causes,
    conditions,
    errors,
    event_loop,
    involved,
    latency,
    memory,
)
from sidelight.why.answers import Answers
from sidelight.why.changes import changes
from sidelight.why.checked import checked
from sidelight.why.firing import Alerts, names, next_step, of_job
from sidelight.why.questions import QUESTIONS
from sidelight.why.report import Cause, Report, State
from sidelight.why.scope import Scope
from sidelight.why.since import dated
from sidelight.why.source import CurrentAlert, PrometheusApi, SourceError, contradicts
from sidelight.why.unknown import unknown

MOST: Final = 10
"""Causes in a report."""
BY_KIND: Final = {
    **{one.kind: one.alerts[0] for one in reversed(conditions.CONDITIONS)},
    **dict.fromkeys(("errors", "version", "instance"), errors.ALERTS[0]),
    **dict.fromkeys(("slow", "wait", "work"), latency.ALERTS[0]),
    **dict.fromkeys(("event_loop", "gil", "processor"), event_loop.ALERTS[0]),
}
"""The alert whose runbook applies where none fires."""
NOT_TIME: Final = frozenset({"errors", "version", "instance"})
"""Kinds whose share is not one of time."""
NOTHING: Final = "the source has no metric of Sidelight"
ALL_QUESTIONS: Final = {
    **QUESTIONS,
    **conditions.QUESTIONS,
    **involved.QUESTIONS,
    **memory.QUESTIONS,
}


def diagnose(source: PrometheusApi, scope: Scope) -> Report:
    """Ask a source what is wrong. Where it can't be reached, the state is ``unknown``."""
    answers = Answers(source, _evaluated(source, scope), ALL_QUESTIONS)
    if answers.unreachable:
        return Report("unknown", scope.now, unknown=[answers.unreachable])
    alerts = _alerts(source, scope)
    found = list(_causes(answers, alerts))
    known = {one.labels.get("job", "") for one in answers.now("workers") + answers.now("requests")}
    if not known and not found:
        missing = f"no metric of Sidelight has the job {scope.job!r}" if scope.job else NOTHING
        return Report("unknown", scope.now, unknown=[missing])
    return Report(
        _state(alerts, found),
        scope.now,
        scope.ago,
        sorted(known),
        dated(source, scope, found[:MOST]),
        list(changes(answers)),
        list(checked(answers)),
        list(unknown(answers, alerts, found)),
        [one for one in alerts.active if one.state == "firing"],
    )


def _evaluated(source: PrometheusApi, scope: Scope) -> Scope:
    """The scope without native histograms, where the source has no functions of them."""
    try:
        source.query(NATIVE_FUNCTION, scope.now)
    except SourceError:
        return replace(scope, native=False)
    return scope


def _alerts(source: PrometheusApi, scope: Scope) -> Alerts:
    try:
        return of_job(source.alerts(names()), scope.job)
    except SourceError as error:
        return Alerts(problem=str(error))


def _causes(answers: Answers, alerts: Alerts) -> list[Cause]:
    """The most severe first; of the same severity, that which explains the most time."""
    found = [
        *(_detailed(one, answers) for one in condition_causes.causes(answers, alerts)),
        *errors.causes(answers, alerts),
        *event_loop.causes(answers, alerts),
        *latency.causes(answers, alerts),
    ]
    found = _with_burn(found, alerts)
    found.sort(key=lambda one: (one.severity, -(one.share or 0)))
    return [replace(one, next_step=next_step(_runbook(one))) for one in found]


def _detailed(cause: Cause, answers: Answers) -> Cause:
    """The cause with what other queries know of it."""
    return memory.with_growth(involved.with_route(cause, answers), answers)


def _with_burn(found: list[Cause], alerts: Alerts) -> list[Cause]:
    """A latency alert that no route's own slowness explains belongs to what takes most time."""
    explained = {id(alert) for cause in found for alert in cause.alerts}
    left = [one for one in alerts.of(latency.ALERTS) if id(one) not in explained]
    for alert in left:
        of_time = [one for one in found if one.share and one.kind not in NOT_TIME]
        of_time = [one for one in of_time if _same_service(one, alert)]
        if of_time:
            most = max(of_time, key=lambda one: one.share or 0)
            found[found.index(most)] = replace(most, alerts=(*most.alerts, alert))
    return found


def _same_service(cause: Cause, alert: CurrentAlert) -> bool:
    job = {"job": cause.labels.get("job", "")}
    return not contradicts(alert.labels, job)


def _runbook(cause: Cause) -> str:
    firing = sorted(cause.alerts, key=lambda one: (one.state != "firing", one.severity))
    return firing[0].name if firing else BY_KIND.get(cause.kind, "")


def _state(alerts: Alerts, found: Iterable[Cause]) -> State:
    firing = {one.severity for one in alerts.active if one.state == "firing"}
    if "critical" in firing:
        return "critical"
    return "warning" if firing or any(True for _ in found) else "ok"
