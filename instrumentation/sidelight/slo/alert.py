"""What one alert is, as data; and the rule it becomes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sidelight.slo.plan import Plan, Rule

Severity = Literal["critical", "warning"]
Of = Literal["every", "named", "unnamed"]

DASHBOARD = "/d/sidelight-service"
"""Path of the service's dashboard, below ``dashboard_base``."""
VARIABLES = {"http_route": "route", "instance": "instance", "worker": "worker"}
"""Labels that open the dashboard at what they name, and its variable for each."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule. Two rules of one name differ in severity, or in their window.

    In ``expr``, ``summary``, ``description`` and ``do`` stand for one build's own: ``<by>`` the
    labels that make a service, ``<sel>`` and ``<own>`` matchers of its scraped and of its
    recorded series, with a comma (``<,sel>``) after another matcher, ``<service>`` its name,
    and ``<5m>`` or any other duration, which shrinks with the scale (``<s5m>`` is in seconds).
    ``hold`` is Prometheus's ``for``. ``do`` is what to do first. ``opens`` are labels the
    dashboard is opened with. ``of`` is which builds have it: ``named`` where one service is
    meant, ``unnamed`` where each job is one.
    """

    name: str
    severity: Severity
    hold: str
    expr: str
    summary: str
    description: str
    do: str
    opens: tuple[str, ...] = ()
    of: Of = "every"
    labels: tuple[tuple[str, str], ...] = ()

    def rule(self, plan: "Plan") -> "Rule":
        """The rule of this build."""
        service = plan.service
        description = f"{self.description} First: {self.do}"
        return {
            "alert": self.name,
            "expr": plan.text(self.expr),
            "for": plan.time(self.hold),
            "labels": {
                "severity": self.severity,
                "service": plan.label,
                **dict(self.labels),
                **service.labels,
            },
            "annotations": {
                "summary": plan.text(self.summary),
                "description": plan.text(description),
                "runbook_url": f"{service.runbook_base}/{self.name}.md",
                "dashboard_url": service.dashboard_base + DASHBOARD + self._query(plan),
                **service.annotations,
            },
        }

    def _query(self, plan: "Plan") -> str:
        pairs = [(label, label) for label in plan.service.selector.by]
        pairs += [(VARIABLES[label], label) for label in self.opens]
        values = [f"var-{name}={{{{ $labels.{label} | urlquery }}}}" for name, label in pairs]
        return f"?{'&'.join(values)}"
