"""Requests that wait for the event loop: which route's code keeps it, at which line; or what else.

Where no code does, the CPU quota, other threads or other processes are named, if they are known.
"""

from collections.abc import Iterator
from typing import Final

from sidelight.why.answers import Answers, matching, ratio
from sidelight.why.figures import duration, percent
from sidelight.why.firing import Alerts
from sidelight.why.report import Cause, Code, Sentence
from sidelight.why.source import CurrentAlert, Labels, Sample, contradicts

ALERTS: Final = ("EventLoopBlocked",)
WAITS: Final = 0.25
"""The share of the time of all requests, spent waiting for the loop, that is wrong."""
BLOCKED: Final = 0.1
"""Seconds per second that one route may block the loop."""
NO_ROUTE: Final = ("", "_UNKNOWN", "_UNMATCHED")
MACHINE: Final = {
    "throttled": ("cpu_quota", "The CPU quota keeps the service from running"),
    "processor": ("processor", "The event loops are ready to run, and have no processor,"),
    "gil": ("gil", "Other threads keep the GIL from the event loops"),
}
"""What delays a loop without a route's code: the kind, and the beginning of its sentence."""


def queued_share(answers: Answers, labels: Labels) -> float:
    """The share of the time of a service's requests that was spent waiting for the loop."""
    return ratio(answers.value("queued", labels), answers.value("time", labels)) or 0


def causes(answers: Answers, alerts: Alerts) -> Iterator[Cause]:
    """The routes that keep the loops, where requests wait for that."""
    jobs = [one.labels for one in answers.now("time")]
    for job in jobs or [{}]:
        active = [one for one in alerts.of(ALERTS) if not contradicts(one.labels, job)]
        waits = queued_share(answers, job)
        rows = _keepers(answers, job, active, waits, rules=alerts.decide(ALERTS))
        for row in rows:
            own = tuple(one for one in active if _same_route(one, row))
            yield _cause(answers, row, own, waits)


def _keepers(
    answers: Answers, job: Labels, active: list[CurrentAlert], waits: float, *, rules: bool
) -> list[Sample]:
    """The routes that alerts name; without rules, those that block; the most guilty of waits."""
    blocked, caused = answers.now("blocked", job), answers.now("caused", job)
    rows = [row for row in blocked if not rules and row.value >= BLOCKED]
    rows += [_row(blocked, one) for one in active]
    if waits >= WAITS:
        rows += caused[:1] or blocked[:1]
    by_route = {row.labels.get("http_route", ""): row for row in reversed(rows)}
    return list(by_route.values())


def _row(rows: list[Sample], alert: CurrentAlert) -> Sample:
    same = [row for row in rows if _same_route(alert, row)]
    labels = {name: alert.labels.get(name, "") for name in ("job", "http_route")}
    return same[0] if same else Sample(labels, 0.0)


def _same_route(alert: CurrentAlert, row: Sample) -> bool:
    return alert.labels.get("http_route", "") == row.labels.get("http_route", "")


def _cause(answers: Answers, row: Sample, alerts: tuple[CurrentAlert, ...], waits: float) -> Cause:
    job = {"job": row.labels.get("job", "")}
    labels = {**job, "http_route": row.labels.get("http_route", "")}
    held = sum(one.value for one in _exactly(answers.now("blocked", job), labels))
    caused = sum(one.value for one in _exactly(answers.now("caused", job), labels))
    spent = answers.value("time", job)
    if labels["http_route"] in NO_ROUTE:
        return _machine(answers, job, alerts, waits)
    sentences = [
        Sentence(
            f"{labels['http_route']} blocks the event loop for {duration(held)} of each second.",
            answers.text("blocked"),
        ),
        Sentence(
            f"Requests wait {duration(caused)} a second for its code, and "
            f"{percent(waits)} of the time of all requests is waiting for the event loop.",
            answers.text("caused"),
        ),
    ]
    onset = f"({answers.text('caused')}) > {caused / 2:g}"
    cause = Cause("event_loop", labels, (), share=ratio(caused, spent), alerts=alerts, onset=onset)
    return _at_line(cause.says(*sentences), answers)


def _exactly(rows: list[Sample], labels: Labels) -> list[Sample]:
    route = labels["http_route"]
    return [row for row in rows if row.labels.get("http_route", "") == route]


def _at_line(cause: Cause, answers: Answers) -> Cause:
    rows = _exactly(matching(answers.now("loop_lines"), {"job": cause.labels["job"]}), cause.labels)
    for row in rows[:1]:
        if code := Code.of(row.labels):
            line = Sentence(f"Most of it is at {code}.", answers.text("loop_lines"))
            return cause.says(line, code=code)
    return cause


def _machine(
    answers: Answers, job: Labels, alerts: tuple[CurrentAlert, ...], waits: float
) -> Cause:
    """No route is guilty: what the kernel and the interpreter tell of, the most of it."""
    found = [(value, name) for name in MACHINE if (value := answers.value(name, job))]
    wait = Sentence(
        f"{percent(waits)} of the time of all requests is waiting for the event loop, and no "
        "route's code is known to keep it.",
        answers.text("queued"),
    )
    cause = Cause("event_loop", dict(job), (wait,), share=waits or None, alerts=alerts)
    if not found:
        return cause
    value, name = max(found)
    kind, text = MACHINE[name]
    text = f"{text} for {duration(value)} of each second."
    return cause.says(Sentence(text, answers.text(name)), kind=kind)
