"""The page of alerts and alerting rules, with their runbooks."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sidelight.embedded.viewer.clients import ViewerContext
from sidelight.embedded.viewer.elements import AlertsElement
from sidelight.embedded.viewer.markdown import runbook_html
from sidelight.embedded.viewer.query_result import ActiveAlert, AlertingRule, DataSourceError
from sidelight.embedded.viewer.units import format_value
from sidelight.embedded.viewer.variables import PageState

Json = dict[str, Any]
GROUPS: Final = {
    "firing": ("Firing", "No firing alerts"),
    "pending": ("Pending", "No pending alerts"),
    "inactive": (
        "Inactive rules",
        "No alerting rules: load the rules that `sidelight rules build` writes",
    ),
}
"""The title of each group, and the text of an empty group."""
SEVERITIES: Final = {"critical": 0, "warning": 1}
HIDDEN_LABELS: Final = frozenset({"alertname", "severity"})
"""Labels that the list shows in another form."""


class AlertsPage:
    """Alerts and rules. ``open_alert`` is the alert whose runbook is open at first."""

    def __init__(self, context: ViewerContext, open_alert: str) -> None:
        self._prometheus = context.prometheus
        self._body: Json = {"groups": [], "problem": "", "runbooks": {}, "open": open_alert}
        self._element = AlertsElement()
        self._element.on("runbook", lambda e: self._show_runbook(str(e.args)))
        if open_alert:
            self._show_runbook(open_alert)

    async def load(self, _: PageState, *, everything: bool) -> None:  # noqa: ARG002 one list
        """Load all of them."""
        try:
            groups = alert_groups(await self._prometheus.rules())
            self._show(groups=groups, problem="")
        except DataSourceError as error:
            self._show(groups=[], problem=str(error))

    def _show_runbook(self, alert: str) -> None:
        if html := runbook_html(alert):
            self._show(runbooks={**self._body["runbooks"], alert: html})

    def _show(self, **changed: Any) -> None:
        self._body = {**self._body, **changed}
        self._element.show(self._body)


def alert_groups(rules: Sequence[AlertingRule]) -> list[Json]:
    """Firing alerts, pending alerts, and inactive rules.

    Alerts are in the order of their severity, and then of their age.
    """
    found: dict[str, list[Json]] = {state: [] for state in GROUPS}
    for number, rule in enumerate(rules):
        for alert in _alerts(rule):
            found[alert["state"]].append(alert)
        if not rule.alerts:
            found["inactive"].append(_inactive(rule, number))
    for state in ("firing", "pending"):
        found[state].sort(key=lambda one: (SEVERITIES.get(one["severity"], 2), one["since"]))
    return [
        {"state": state, "title": title, "empty": empty, "alerts": found[state]}
        for state, (title, empty) in GROUPS.items()
    ]


def _alerts(rule: AlertingRule) -> Iterator[Json]:
    for alert in rule.alerts:
        if alert.state in GROUPS:
            key = "|".join([rule.name, *map("=".join, sorted(alert.labels.items()))])
            yield {**_entry(rule, alert), "key": key, "since": alert.since, "state": alert.state}


def _entry(rule: AlertingRule, alert: ActiveAlert | None) -> Json:
    labels = alert.labels if alert else rule.labels
    annotations = alert.annotations if alert else {}
    shown = {name: text for name, text in labels.items() if alert and name not in HIDDEN_LABELS}
    return {
        "name": rule.name,
        "severity": labels.get("severity", ""),
        "summary": annotations.get("summary", ""),
        "description": annotations.get("description", ""),
        "labels": shown,
        "dashboard": dashboard_path(annotations.get("dashboard_url", "")),
        "runbook": (annotations or rule.annotations).get("runbook_url", ""),
        "expr": rule.expr,
        "problem": rule.error,
    }


def _inactive(rule: AlertingRule, number: int) -> Json:
    window = rule.labels.get("window")
    parts = [rule.labels.get("severity", ""), f"over {window}" if window else ""]
    parts += [f"for {format_value(rule.duration, 's')}" if rule.duration else "without delay"]
    return {
        **_entry(rule, None),
        "key": f"{rule.name}|{number}",
        "since": "",
        "state": "unknown" if rule.health == "unknown" or rule.error else "inactive",
        "summary": ", ".join(filter(None, parts)),
    }


def dashboard_path(url: str) -> str:
    """The path of a dashboard in an address; empty if the address is not a dashboard's."""
    at = url.find("/d/")
    return url[at:] if at >= 0 and not url.lower().startswith("javascript:") else ""
