"""The causes that the conditions have now, from the answers to their queries and the alerts."""

from collections.abc import Iterable, Iterator
from typing import Final

from sidelight.why.answers import Answers
from sidelight.why.conditions import CONDITIONS, Condition, question
from sidelight.why.figures import FORMS, named
from sidelight.why.firing import Alerts
from sidelight.why.report import Cause, Sentence
from sidelight.why.source import CurrentAlert, Labels, Sample, contradicts

MOST: Final = 3
"""Causes of one condition."""


def causes(answers: Answers, alerts: Alerts) -> Iterator[Cause]:
    """The causes of all conditions, a few of each."""
    for condition in CONDITIONS:
        yield from _causes(condition, answers, alerts)


def _causes(condition: Condition, answers: Answers, alerts: Alerts) -> Iterator[Cause]:
    active = alerts.of(condition.alerts, condition.severity)
    rows = answers.now(question(condition)) if condition.query else []
    if alerts.decide(condition.alerts):
        rows = [row for row in rows if _about(active, row.labels)]
        active_without = [one for one in active if not any(_agree(one, row) for row in rows)]
        yield from (_by_alert(condition, one) for one in active_without[:MOST])
    else:
        rows = [row for row in rows if row.value >= condition.above]
    for row in rows[:MOST]:
        yield _by_row(condition, answers, row, _about(active, row.labels))


def _about(alerts: Iterable[CurrentAlert], labels: Labels) -> tuple[CurrentAlert, ...]:
    return tuple(one for one in alerts if not contradicts(one.labels, labels))


def _agree(alert: CurrentAlert, row: Sample) -> bool:
    return not contradicts(alert.labels, row.labels)


def _by_row(
    condition: Condition, answers: Answers, row: Sample, alerts: tuple[CurrentAlert, ...]
) -> Cause:
    query = answers.text(question(condition))
    values = named(row.labels, FORMS[condition.unit](row.value))
    spent = answers.value("time", {"job": row.labels.get("job", "")})
    return Cause(
        condition.kind,
        {name: text for name, text in row.labels.items() if name != "__name__"},
        (Sentence(condition.sentence.format_map(values), query),),
        share=min(1.0, row.value / spent) if condition.waits and spent else None,
        alerts=alerts,
        onset=f"({query}) >= {condition.above:g}",
    )


def _by_alert(condition: Condition, alert: CurrentAlert) -> Cause:
    """The figure of the window says nothing: the alert's is of another window."""
    hidden = {"alertname", "severity", "service", "slo", "window", "__name__", "alertstate"}
    labels = {name: text for name, text in alert.labels.items() if name not in hidden}
    text = alert.annotations.get("summary") or f"{alert.name} is {alert.state}"
    query = f'ALERTS{{alertname="{alert.name}"}}'
    return Cause(condition.kind, labels, (Sentence(f"{text}.", query),), alerts=(alert,))
