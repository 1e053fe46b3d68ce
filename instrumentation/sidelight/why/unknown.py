"""What is not known, and why."""

from collections.abc import Iterable, Iterator

from sidelight.why import involved
from sidelight.why.answers import Answers
from sidelight.why.firing import Alerts
from sidelight.why.report import Cause


def unknown(answers: Answers, alerts: Alerts, found: Iterable[Cause]) -> Iterator[str]:
    """What is not known: alerts without a cause, rules that are not there, queries that failed."""
    explained = {id(alert) for cause in found for alert in cause.alerts}
    for one in alerts.active:
        if id(one) not in explained and one.state == "firing":
            yield f"{one.name} fires, and no metric of the last window shows a cause"
    if alerts.problem:
        yield f"alerts are not known: {alerts.problem}"
    elif not alerts.names and not alerts.active:
        yield "no alerting rules of Sidelight are evaluated; thresholds of its own were used"
    for cause in found:
        yield from _missing(cause)
    for name, problem in sorted(answers.problems.items()):
        yield f"{name}: {problem}"
    if not answers.before("requests"):
        yield f"{answers.scope.ago}: there are no metrics of that time"


def _missing(cause: Cause) -> Iterator[str]:
    name = cause.labels.get("http_route") or cause.kind
    if cause.kind == "slow":
        yield f"where the time of {name} is spent: no metric of waits or phases has it"
    if cause.kind == "event_loop" and cause.labels.get("http_route") and cause.code is None:
        yield f"at which line {name} holds the event loop: see `sidelight slow`"
    if cause.kind == "errors" and cause.exception is None:
        yield f"which exception it is on {name}: none escaped to Sidelight"
    if cause.kind == "memory":
        yield f"which code keeps the memory of {cause.labels.get('instance', '?')}: no metric tells"
    if cause.kind in involved.INVOLVED and "http_route" not in cause.labels:
        yield f"which route is behind {cause.kind}: no metric tells"
