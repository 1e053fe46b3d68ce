"""Alerts and their rules as the page shows them: what fires first."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sidelight.embedded.viewer.prometheus import Alert, Rule
from sidelight.embedded.viewer.units import shown

Json = dict[str, Any]
GROUPS: Final = {
    "firing": ("Firing", "Nothing fires."),
    "pending": ("Pending", "Nothing is about to."),
    "inactive": ("Quiet rules", "There are no rules: load those of `sidelight rules build`."),
}
SEVERITY: Final = {"critical": 0, "warning": 1}
TOLD: Final = frozenset({"alertname", "severity"})
"""Labels that the row says otherwise."""


def groups(rules: Sequence[Rule]) -> list[Json]:
    """Firing and pending alerts, the most severe and then the oldest first, and quiet rules."""
    found: dict[str, list[Json]] = {state: [] for state in GROUPS}
    for number, rule in enumerate(rules):
        for one in _active(rule):
            found[one["state"]].append(one)
        if not rule.alerts:
            found["inactive"].append(_quiet(rule, number))
    for state in ("firing", "pending"):
        found[state].sort(key=lambda one: (SEVERITY.get(one["severity"], 2), one["since"]))
    return [
        {"state": state, "title": title, "empty": empty, "alerts": found[state]}
        for state, (title, empty) in GROUPS.items()
    ]


def firing(rules: Iterable[Rule]) -> int:
    """How many alerts fire."""
    return sum(alert.state == "firing" for rule in rules for alert in rule.alerts)


def _active(rule: Rule) -> Iterator[Json]:
    for alert in rule.alerts:
        if alert.state in GROUPS:
            key = "|".join([rule.name, *map("=".join, sorted(alert.labels.items()))])
            yield {**_common(rule, alert), "key": key, "since": alert.since, "state": alert.state}


def _common(rule: Rule, alert: Alert | None) -> Json:
    labels = alert.labels if alert else rule.labels
    said = alert.annotations if alert else {}
    return {
        "name": rule.name,
        "severity": labels.get("severity", ""),
        "summary": said.get("summary", ""),
        "description": said.get("description", ""),
        "labels": {name: text for name, text in labels.items() if alert and name not in TOLD},
        "dashboard": inside(said.get("dashboard_url", "")),
        "runbook": (said or rule.annotations).get("runbook_url", ""),
        "expr": rule.expr,
        "problem": rule.error,
    }


def _quiet(rule: Rule, number: int) -> Json:
    window = rule.labels.get("window")
    words = [f"over {window}"] if window else []
    words += [f"for {shown(rule.wait, 's')}" if rule.wait else "at once"]
    state = "unknown" if rule.health == "unknown" or rule.error else "inactive"
    summary = ", ".join(filter(None, [rule.labels.get("severity", ""), *words]))
    key = f"{rule.name}|{number}"
    return {**_common(rule, None), "key": key, "since": "", "state": state, "summary": summary}


def inside(url: str) -> str:
    """An address of the viewer's own dashboards; empty for any other."""
    at = url.find("/d/")
    return url[at:] if at >= 0 and not url.lower().startswith("javascript:") else ""
