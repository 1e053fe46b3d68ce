"""The states of alerts: pending for the duration ``for``, then firing until the result is empty.

https://github.com/prometheus/prometheus/blob/main/rules/alerting.go
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sidelight.embedded.history.history import History
from sidelight.embedded.promql.limits import QueryError, execution_error
from sidelight.embedded.rules.definition import RuleDefinition
from sidelight.embedded.rules.recording import (
    RuleSample,
    as_number,
    label_key,
    query_samples,
    template_samples,
)
from sidelight.embedded.templates.expand import expand_template
from sidelight.embedded.templates.functions import TemplateError


@dataclass(slots=True)
class EvaluatedAlert:
    """One label set of an alert; times in milliseconds, 0 for none.

    ``keep_firing_since``: since when its expression is empty while ``keep_firing_for`` applies.
    """

    labels: dict[str, str]
    annotations: dict[str, str]
    value: float
    active_at: int
    state: str = "pending"
    keep_firing_since: int = 0


class AlertStates:
    """The pending and firing alerts of one rule."""

    def __init__(self, rule: RuleDefinition) -> None:
        self.rule = rule
        self.active: dict[bytes, EvaluatedAlert] = {}

    def evaluate(self, history: History, at: int) -> list[RuleSample]:
        """Evaluate the rule; return ALERTS and ALERTS_FOR_STATE. Raises `QueryError`."""
        found: dict[bytes, EvaluatedAlert] = {}
        for labels, value in query_samples(history, self.rule.expr, at):
            one = self._alert(history, labels, as_number(value), at)
            if label_key(one.labels) in found:
                raise execution_error(
                    "vector contains metrics with the same labelset after applying alert labels"
                )
            found[label_key(one.labels)] = one
        for key, one in found.items():
            self._update(key, one)
        for key in [key for key in self.active if key not in found]:
            self._resolve(key, at)
        for one in self.active.values():
            if one.state == "pending" and at - one.active_at >= self.rule.for_duration:
                one.state = "firing"
        return [sample for one in self.active.values() for sample in _samples(one)]

    def _update(self, key: bytes, one: EvaluatedAlert) -> None:
        before = self.active.get(key)
        if before is None:
            self.active[key] = one
        else:
            before.value, before.annotations = one.value, one.annotations
            before.keep_firing_since = 0

    def _resolve(self, key: bytes, at: int) -> None:
        one = self.active[key]
        if one.state == "firing" and self.rule.keep_firing_for:
            one.keep_firing_since = one.keep_firing_since or at
            if at - one.keep_firing_since < self.rule.keep_firing_for:
                return
        del self.active[key]

    def _alert(
        self, history: History, labels: dict[str, str], value: float, at: int
    ) -> EvaluatedAlert:
        def expanded(text: str) -> str:
            return self._expanded(
                text, labels, value, lambda query: template_samples(history, query, at)
            )

        merged = {name: text for name, text in labels.items() if name != "__name__"}
        merged |= {name: expanded(text) for name, text in self.rule.labels.items()}
        merged["alertname"] = self.rule.name
        annotations = {name: expanded(text) for name, text in self.rule.annotations.items()}
        return EvaluatedAlert(
            {name: text for name, text in merged.items() if text}, annotations, value, at
        )

    def _expanded(
        self, text: str, labels: dict[str, str], value: float, run_query: Callable[[str], Any]
    ) -> str:
        tree = self.rule.templates.get(text)
        if tree is None:
            return text
        try:
            return expand_template(tree, labels, value, run_query)
        except (TemplateError, QueryError) as error:
            return f"<error expanding template: {error}>"


def _samples(one: EvaluatedAlert) -> list[RuleSample]:
    labels = {**one.labels, "__name__": "ALERTS", "alertstate": one.state}
    since = {**one.labels, "__name__": "ALERTS_FOR_STATE"}
    return [(labels, 1.0), (since, float(one.active_at // 1000))]
