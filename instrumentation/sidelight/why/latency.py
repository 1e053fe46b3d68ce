"""Slow routes that do not wait for the event loop: where they wait, or which phase is long."""

from collections.abc import Iterator, Sequence
from typing import Final

from sidelight.why.answers import Answers, ratio
from sidelight.why.event_loop import WAITS, queued_share
from sidelight.why.figures import duration, percent, route
from sidelight.why.firing import Alerts
from sidelight.why.origin import with_origin
from sidelight.why.report import Cause, Sentence
from sidelight.why.source import CurrentAlert, Labels, Sample, contradicts
from sidelight.why.waiting import with_line, with_phase

ALERTS: Final = ("LatencyErrorBudgetBurn",)
SLOW, FEWEST = 0.05, 10
"""The share of slow requests, and their number in a window, that is wrong without an alert."""
LEAST: Final = 0.2
"""A route with a smaller share of the additional time is not named."""
MOST: Final = 3


def causes(answers: Answers, alerts: Alerts) -> Iterator[Cause]:
    """The routes that have become slow by themselves, of each service that is too slow."""
    for spent in answers.now("time"):
        job = spent.labels
        active = [one for one in alerts.of(ALERTS) if not contradicts(one.labels, job)]
        if active or _is_slow(answers, job):
            yield from _routes(answers, spent, active)


def _is_slow(answers: Answers, job: Labels) -> bool:
    slow = answers.value("slow", job) or 0
    now = ratio(slow, answers.value("requests", job)) or 0
    before = ratio(answers.value_before("slow", job), answers.value_before("requests", job)) or 0
    return now >= SLOW and now > 2 * before and slow * answers.scope.window >= FEWEST


def _routes(answers: Answers, spent: Sample, active: Sequence[CurrentAlert]) -> Iterator[Cause]:
    """The routes that alerts name; of the whole service's alert, those with the most time added."""
    of_routes = [one for one in active if "http_route" in one.labels]
    of_service = tuple(one for one in active if "http_route" not in one.labels)
    rows = answers.now("time_by_route", spent.labels)
    added = {id(row): _added(answers, row) for row in rows}
    whole = sum(added.values())
    slower: list[Sample] = []
    if (of_service or not active) and queued_share(answers, spent.labels) < WAITS:
        most = sorted(rows, key=lambda row: -added[id(row)])[:MOST]
        slower = [row for row in most if added[id(row)] >= LEAST * whole > 0]
    named = [row for row in rows if any(not contradicts(a.labels, row.labels) for a in of_routes)]
    for row in [*named, *(row for row in slower if row not in named)]:
        if not _waits_for_loop(answers, row):
            own = tuple(one for one in of_routes if not contradicts(one.labels, row.labels))
            yield _cause(answers, row, spent.value, own + (of_service if row in slower else ()))


def _added(answers: Answers, row: Sample) -> float:
    """Seconds per second more than at the mean of an hour before; all, where that is not known."""
    requests = answers.value("requests_by_route", row.labels)
    past = ratio(
        answers.value_before("time_by_route", row.labels),
        answers.value_before("requests_by_route", row.labels),
    )
    return max(0.0, row.value - past * requests) if past and requests else row.value


def _waits_for_loop(answers: Answers, row: Sample) -> bool:
    queued = answers.value("queued_by_route", row.labels) or 0
    return queued > row.value / 2


def _cause(answers: Answers, row: Sample, spent: float, alerts: tuple[CurrentAlert, ...]) -> Cause:
    query = answers.text("time_by_route")
    now = ratio(row.value, answers.value("requests_by_route", row.labels))
    before = ratio(
        answers.value_before("time_by_route", row.labels),
        answers.value_before("requests_by_route", row.labels),
    )
    ago = answers.scope.ago
    past = f"{ago} {duration(before)}" if before else f"{ago} is not known"
    text = (
        f"{route(row.labels)} takes {duration(now)} on average ({past}), "
        f"{percent(ratio(row.value, spent))} of the time of all requests."
    )
    cause = Cause(
        "slow",
        dict(row.labels),
        (Sentence(text, query),),
        share=ratio(row.value, spent),
        alerts=alerts,
        onset=f"({query}) > {row.value / 2:g}",
    )
    located = with_line(cause, answers, "wait")
    if located is cause:
        located = with_phase(cause, answers)
    return with_origin(located, answers, "time")
