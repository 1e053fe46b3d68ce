"""Failed requests: on which route, with which exception."""

from collections.abc import Iterator, Sequence
from typing import Final

from sidelight.why.answers import Answers, ratio
from sidelight.why.figures import number, percent, route
from sidelight.why.firing import Alerts
from sidelight.why.origin import with_origin
from sidelight.why.report import Cause, Sentence
from sidelight.why.source import CurrentAlert, Sample, contradicts

ALERTS: Final = ("AvailabilityErrorBudgetBurn", "LowTrafficHighErrorRatio")
WRONG, FEWEST = 0.05, 10
"""The share of failed requests, and their number in a window, that is wrong without an alert."""
LEAST: Final = 0.1
"""A route with a smaller share of all failed requests is not named."""
MOST: Final = 3


def causes(answers: Answers, alerts: Alerts) -> Iterator[Cause]:
    """The routes with most of the failed requests of each service, where too many fail."""
    for failed in answers.now("failed"):
        active = [one for one in alerts.of(ALERTS) if not contradicts(one.labels, failed.labels)]
        share = ratio(failed.value, answers.value("requests", failed.labels)) or 0
        many = failed.value * answers.scope.window >= FEWEST
        if active or (share >= WRONG and many):
            yield from _routes(answers, failed, active)


def _routes(answers: Answers, failed: Sample, active: Sequence[CurrentAlert]) -> Iterator[Cause]:
    for row in answers.now("failed_by_route", failed.labels)[:MOST]:
        own = tuple(one for one in active if not contradicts(one.labels, row.labels))
        share = ratio(row.value, failed.value) or 0
        if share >= LEAST and (own or not active):
            yield _cause(answers, row, share, own)


def _cause(answers: Answers, row: Sample, share: float, alerts: tuple[CurrentAlert, ...]) -> Cause:
    query = answers.text("failed_by_route")
    now = ratio(row.value, answers.value("requests_by_route", row.labels))
    before = _before(answers, row)
    text = (
        f"{route(row.labels)} fails: {percent(now)} of its requests, {number(row.value)}/s; "
        f"{before}. That is {percent(share)} of all failed requests."
    )
    cause = Cause(
        "errors",
        dict(row.labels),
        (Sentence(text, query),),
        share=share,
        alerts=alerts,
        onset=f"({query}) > {row.value / 2:g}",
    )
    return with_origin(_with_exception(cause, answers), answers, "failed")


def _before(answers: Answers, row: Sample) -> str:
    requests = answers.value_before("requests_by_route", row.labels)
    if requests is None:
        return f"what it was {answers.scope.ago} is not known"
    failed = answers.value_before("failed_by_route", row.labels) or 0
    return f"{answers.scope.ago} it was {percent(ratio(failed, requests))}"


def _with_exception(cause: Cause, answers: Answers) -> Cause:
    rows = answers.now("exceptions", cause.labels)
    if not rows:
        return cause
    name = rows[0].labels.get("error_type", "")
    return cause.says(
        Sentence(f"The exception is {name}.", answers.text("exceptions")), exception=name
    )
