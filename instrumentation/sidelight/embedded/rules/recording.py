"""Queries of rules, and the recording of their results as series."""

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from sidelight.embedded.history.history import History, HistoryQuerier
from sidelight.embedded.promql.engine import Scalar, Vector, instant_query
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.limits import QueryLimits, execution_error
from sidelight.embedded.rules.definition import RuleDefinition

RULE_LIMITS = QueryLimits(samples=5_000_000)
RuleSample = tuple[dict[str, str], float | FloatHistogram]


def query_samples(history: History, text: str, at: int) -> list[RuleSample]:
    """Evaluate an expression. Raises `QueryError`."""
    with HistoryQuerier(history, RULE_LIMITS) as source:
        found = instant_query(text, source, at, RULE_LIMITS)
    if isinstance(found, Scalar):
        return [({}, found.value)]
    if not isinstance(found, Vector):
        raise execution_error("rule result is not a vector or scalar")
    values = found.values.tolist()
    table = [None] * len(values) if found.histograms is None else found.histograms.tolist()
    rows = zip(found.labels, values, table, strict=True)
    return [(dict(labels), value if one is None else one) for labels, value, one in rows]


def template_samples(history: History, text: str, at: int) -> list[dict[str, Any]]:
    """Evaluate a query of a template."""
    return [
        {"Labels": labels, "Value": as_number(value)}
        for labels, value in query_samples(history, text, at)
    ]


def as_number(value: float | FloatHistogram) -> float:
    """Return the value of a sample for a text or an alert: that of a histogram is 0."""
    return 0.0 if isinstance(value, FloatHistogram) else value


def record_samples(
    history: History, key: Hashable, at: int, found: Sequence[RuleSample]
) -> Mapping[str, str] | None:
    """Add one step to a rule's own stream; series that it no longer has end.

    A series that another rule records is dropped, as a label set has one series only. The label
    set of a dropped series is returned, if there is one.
    """
    stream, duplicate = history.stream(key), None
    step: dict[int, float] = {}
    histograms: dict[int, FloatHistogram] = {}
    with history.lock:
        for labels, value in found:
            if history.has_live_elsewhere(stream, label_key(labels)):
                duplicate = labels
                continue
            number = history.identify(stream, label_key(labels), labels.copy)
            if number is None:
                continue
            if isinstance(value, FloatHistogram):
                histograms[number] = value
            else:
                step[number] = value
    history.add(stream, at, step, histograms)
    return duplicate


def label_key(labels: Mapping[str, str]) -> bytes:
    """Return a label set as the key of a series."""
    return json.dumps(sorted(labels.items()), separators=(",", ":")).encode()


def evaluate_recording_rule(rule: RuleDefinition, history: History, at: int) -> list[RuleSample]:
    """Return the samples that a rule records. Raises `QueryError`."""
    found = [
        (_recorded_labels(rule, labels), value)
        for labels, value in query_samples(history, rule.expr, at)
    ]
    if len({label_key(labels) for labels, _ in found}) < len(found):
        raise execution_error(
            "vector contains metrics with the same labelset after applying rule labels"
        )
    return found


def _recorded_labels(rule: RuleDefinition, labels: dict[str, str]) -> dict[str, str]:
    all_labels = {**labels, "__name__": rule.name, **rule.labels}
    return {name: value for name, value in all_labels.items() if value}
