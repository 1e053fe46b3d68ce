"""An alert's states: pending as long as ``for``, then firing, until its expression is empty.

https://github.com/prometheus/prometheus/blob/main/rules/alerting.go
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sidelight.embedded.history.history import History
from sidelight.embedded.promql.errors import QueryError, failed
from sidelight.embedded.rules.asking import Sample, ask, known, samples
from sidelight.embedded.rules.definition import Rule
from sidelight.embedded.templates.expand import expand
from sidelight.embedded.templates.reading import TemplateError


@dataclass(slots=True)
class Alert:
    """One label set of an alert; times in milliseconds, 0 for none.

    ``kept`` is since when it goes on firing though its expression is empty.
    """

    labels: dict[str, str]
    annotations: dict[str, str]
    value: float
    active: int
    state: str = "pending"
    kept: int = 0


class Alerting:
    """The alerts of one rule."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.active: dict[bytes, Alert] = {}

    def evaluate(self, history: History, at: int) -> list[Sample]:
        """Move on to a new time; ALERTS and ALERTS_FOR_STATE. Raises `QueryError`."""
        found: dict[bytes, Alert] = {}
        for labels, value in ask(history, self.rule.expr, at):
            one = self._alert(history, labels, value, at)
            if known(one.labels) in found:
                raise failed(
                    "vector contains metrics with the same labelset after applying alert labels"
                )
            found[known(one.labels)] = one
        for key, one in found.items():
            self._seen(key, one)
        for key in [key for key in self.active if key not in found]:
            self._missed(key, at)
        for one in self.active.values():
            if one.state == "pending" and at - one.active >= self.rule.hold:
                one.state = "firing"
        return [sample for one in self.active.values() for sample in _samples(one)]

    def _seen(self, key: bytes, one: Alert) -> None:
        before = self.active.get(key)
        if before is None:
            self.active[key] = one
        else:
            before.value, before.annotations, before.kept = one.value, one.annotations, 0

    def _missed(self, key: bytes, at: int) -> None:
        one = self.active[key]
        if one.state == "firing" and self.rule.keep_firing:
            one.kept = one.kept or at
            if at - one.kept < self.rule.keep_firing:
                return
        del self.active[key]

    def _alert(self, history: History, labels: dict[str, str], value: float, at: int) -> Alert:
        def filled(text: str) -> str:
            return self._filled(text, labels, value, lambda query: samples(history, query, at))

        own = {name: text for name, text in labels.items() if name != "__name__"}
        own |= {name: filled(text) for name, text in self.rule.labels.items()}
        own["alertname"] = self.rule.name
        notes = {name: filled(text) for name, text in self.rule.annotations.items()}
        return Alert({name: text for name, text in own.items() if text}, notes, value, at)

    def _filled(
        self, text: str, labels: dict[str, str], value: float, asks: Callable[[str], Any]
    ) -> str:
        tree = self.rule.templates.get(text)
        if tree is None:
            return text
        try:
            return expand(tree, labels, value, asks)
        except (TemplateError, QueryError) as error:
            return f"<error expanding template: {error}>"


def _samples(one: Alert) -> list[Sample]:
    labels = {**one.labels, "__name__": "ALERTS", "alertstate": one.state}
    since = {**one.labels, "__name__": "ALERTS_FOR_STATE"}
    return [(labels, 1.0), (since, float(one.active // 1000))]
