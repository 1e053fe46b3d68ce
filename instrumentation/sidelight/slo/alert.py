"""What one alert is, as data; and the rule it becomes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from sidelight.slo.plan import Plan, Rule

Severity = Literal["critical", "warning"]
Of = Literal["every", "named", "unnamed"]

Board = Literal["service", "route", "runtime", "telemetry-health"]

DASHBOARD = "/d/sidelight-"
"""Path of a dashboard, below ``dashboard_base``, without its name."""
VARIABLES = {
    "job": "job",
    "instance": "instance",
    "http_route": "route",
    "http_request_method": "method",
}
"""Labels that open a dashboard at what they name, and its variable for each."""
ROUTE: Final = "{{ with $labels.http_route }}{{ . }}{{ else }}(outside of any route){{ end }}"
WORKER: Final = "worker {{ $labels.worker }} on {{ $labels.instance }}"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule. Two rules of one name differ in severity, or in their window.

    Each has a floor, so that a single event or an idle service never fires it. Only what users
    feel now, whatever the hour, is critical; the rest is read in the morning, or beside a page.

    In ``expr``, ``summary``, ``description`` and ``do`` stand for one build's own: ``<by>`` the
    labels that make a service, ``<sel>`` and ``<own>`` matchers of its scraped and of its
    recorded series, with a comma (``<,sel>``) after another matcher, ``<service>`` its name,
    and ``<5m>`` or any other duration, which shrinks with the scale (``<s5m>`` is in seconds).
    ``hold`` is Prometheus's ``for``. ``do`` is what to do first. ``board`` is the dashboard that
    shows more, and ``opens`` are labels it is opened with. ``of`` is which builds have it:
    ``named`` where one service is meant, ``unnamed`` where each job is one.
    """

    name: str
    severity: Severity
    hold: str
    expr: str
    summary: str
    description: str
    do: str
    board: Board = "service"
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
                "dashboard_url": service.dashboard_base + self._dashboard(plan),
                **service.annotations,
            },
        }

    def _dashboard(self, plan: "Plan") -> str:
        """A selector may pin labels that no dashboard has a variable for: all is shown then."""
        known = [one for one in (*plan.service.selector.by, *self.opens) if one in VARIABLES]
        values = [f"var-{VARIABLES[one]}={{{{ $labels.{one} | urlquery }}}}" for one in known]
        return f"{DASHBOARD}{self.board}" + (f"?{'&'.join(values)}" if values else "")
