"""A source with the answers of a test's own, by the name of each question."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # no stubs here

import sidelight.why
from sidelight.histogram_queries import NATIVE_FUNCTION
from sidelight.why.diagnosis import ALL_QUESTIONS, diagnose
from sidelight.why.report import Report
from sidelight.why.scope import Scope
from sidelight.why.source import (
    CurrentAlert,
    Labels,
    LoadedAlerts,
    Sample,
    SourceError,
)

NOW = 1_800_000_000.0
SCOPE = Scope("", 300.0, NOW)
SHOP = {"job": "shop"}
SCHEMA = json.loads((Path(sidelight.why.__file__).parent / "why.schema.json").read_text())
Rows = Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
HEALTHY: Rows = {
    "workers": [(SHOP, 2.0)],
    "requests": [(SHOP, 100.0)],
    "failed": [(SHOP, 0.0)],
    "slow": [(SHOP, 0.0)],
    "time": [(SHOP, 5.0)],
}


def route(template: str, method: str = "GET") -> dict[str, str]:
    return {**SHOP, "http_request_method": method, "http_route": template}


def alert(name: str, severity: str = "critical", state: str = "firing", **labels: str) -> Any:
    found = {"alertname": name, "severity": severity, **SHOP, **labels}
    return CurrentAlert(name, state, NOW - 60, found, {"summary": f"{name} of shop"})


class Canned:
    """Answers by the text of a question. One that is not given has no series."""

    def __init__(
        self,
        now: Rows,
        before: Rows | None = None,
        alerts: Sequence[CurrentAlert] = (),
        rules: Collection[str] | None = None,
    ) -> None:
        self._rows = {NOW: {**HEALTHY, **now}, SCOPE.before: before or {}}
        self._names = {SCOPE.render(text): name for name, text in ALL_QUESTIONS.items()}
        self._alerts = LoadedAlerts(None if rules is None else frozenset(rules), alerts)
        self.refused: set[str] = set()
        self.onset: dict[str, list[float]] = {}

    def query(self, expr: str, at: float) -> list[Sample]:
        if expr == NATIVE_FUNCTION:
            return []
        name = self._names[expr]
        if name in self.refused:
            raise SourceError(f"refused: {name}")
        return [Sample(labels, value) for labels, value in self._rows[at].get(name, ())]

    def times(self, expr: str, labels: Labels, period: tuple[float, float, float]) -> list[float]:
        assert period == (SCOPE.before, NOW, 30.0)
        return self.onset.get(labels.get("http_route", ""), [])

    def alerts(self, names: Collection[str]) -> LoadedAlerts:
        return self._alerts


def report(canned: Canned) -> Report:
    """The report, whose JSON fits the schema."""
    found = diagnose(canned, SCOPE)
    Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(found.to_dict())))
    return found


def only(found: Report) -> dict[str, Any]:
    """The one cause, as JSON has it."""
    (cause,) = found.to_dict()["causes"]
    answer: dict[str, Any] = cause
    return answer
