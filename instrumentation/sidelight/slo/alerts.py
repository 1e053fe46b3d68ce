"""What an alerting rule is made from, as data; and the rule itself."""

from dataclasses import dataclass
from typing import Final, Literal

from sidelight.slo.context import Rule, RuleContext
from sidelight.slo.windows import Severity

AppliesTo = Literal["all", "one service", "every job"]
DashboardName = Literal["service", "route", "runtime", "telemetry-health"]

DASHBOARD_PATH: Final = "/d/sidelight-"
"""The path of a dashboard, after ``dashboard_base`` and before its name."""
VARIABLES: Final = {
    "job": "job",
    "instance": "instance",
    "http_route": "route",
    "http_request_method": "method",
}
"""The dashboard variable of each label that can open a dashboard."""
ROUTE: Final = "{{ with $labels.http_route }}{{ . }}{{ else }}(outside of any route){{ end }}"
OF_RESULT: Final = (
    "{{ with .Labels.http_route }}{{ . }}{{ else }}code outside of any request{{ end }}"
)
"""The route of a result of a query, in a template of `range_query`."""
UPSTREAM: Final = "{{ $labels.server_address }}{{ with $labels.server_port }}:{{ . }}{{ end }}"
WORKER: Final = "worker {{ $labels.worker }} on {{ $labels.instance }}"


@dataclass(frozen=True, slots=True)
class AlertDefinition:
    """One alerting rule. Two rules with the same name differ in severity, or in their window.

    Each expression has a floor, so that a single event or an idle service never fires it. A
    critical alert means that users are affected now. A warning can wait for working hours.

    ``expr``, ``summary``, ``description`` and ``action`` may contain placeholders:

    - ``<by>``: the labels that distinguish services;
    - ``<sel>`` and ``<recorded>``: matchers of the service's scraped and of its recorded series,
      with a comma (``<,sel>``) after another matcher;
    - ``<alert>``: matchers of the service that the alert is about, for a query that a description
      shows; ``<own>``: the same, for one that it evaluates (`range_query`);
    - ``<service>``: the service's name;
    - ``<5m>`` or any other duration, which shrinks with the scale (``<s5m>`` is in seconds);
    - ``<native>…</native>``: what only engines with native histograms can evaluate;
    - ``<unless_long>``: leaves out requests in flight on excluded and streaming routes;
    - ``<if_measured>``: for every job, only jobs that Sidelight measured within a day.

    ``hold`` is Prometheus's ``for``. ``action`` is what to do first. ``dashboard`` is opened with
    the labels in ``opens``. ``applies_to`` is which builds have the rule.
    """

    name: str
    severity: Severity
    hold: str
    expr: str
    summary: str
    description: str
    action: str
    dashboard: DashboardName = "service"
    opens: tuple[str, ...] = ()
    applies_to: AppliesTo = "all"
    labels: tuple[tuple[str, str], ...] = ()

    def applies(self, context: RuleContext) -> bool:
        """Whether this build has the rule."""
        return self.applies_to in {"all", "one service" if context.one_service else "every job"}

    def rule(self, context: RuleContext) -> Rule:
        """The rule in this build."""
        service = context.service
        description = f"{self.description} First: {self.action}"
        return {
            "alert": self.name,
            "expr": context.render(self.expr),
            "for": context.duration(self.hold),
            "labels": {
                "severity": self.severity,
                "service": context.service_label,
                **dict(self.labels),
                **service.labels,
            },
            "annotations": {
                "summary": context.render(self.summary),
                "description": context.render(description),
                "runbook_url": f"{service.runbook_base}/{self.name}.md",
                "dashboard_url": service.dashboard_base + self._dashboard(context),
                **service.annotations,
            },
        }

    def _dashboard(self, context: RuleContext) -> str:
        """Labels that no dashboard has a variable for are left out: the dashboard shows all."""
        opens = [one for one in (*context.service.selector.by, *self.opens) if one in VARIABLES]
        values = [f"var-{VARIABLES[one]}={{{{ $labels.{one} | urlquery }}}}" for one in opens]
        return f"{DASHBOARD_PATH}{self.dashboard}" + (f"?{'&'.join(values)}" if values else "")
