"""What is around the panels of every dashboard: links, annotations, and what it is called."""

import json
from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType

from dashboards import layout, promql, variables
from dashboards.layout import Section
from dashboards.panels import colours
from dashboards.panels.queries import DATASOURCE

TITLES: Final = {
    "fleet": "Fleet",
    "service": "Service",
    "route": "Route",
    "runtime": "Runtime",
    "objectives": "Objectives",
    "telemetry_health": "Telemetry health",
}
VERSIONS: Final = f"count by (job, service_version) ({promql.raw('target_info')}"
DEPLOYS: Final = (
    f"{VERSIONS}) unless on (job, service_version) {VERSIONS} offset 5m) "
    f"and on (job) count by (job) ({promql.raw('target_info')} offset 5m)"
)
ALERTS: Final = (
    "count by (job, alertname) "
    f'(ALERTS{{{promql.JOB},alertstate="firing",severity=~"critical|warning"}})'
)


def uid(stem: str) -> str:
    """The uid of the dashboard of a module, and the name of its file."""
    return f"sidelight-{stem.replace('_', '-')}"


def to(stem: str, *variables: str) -> str:
    """A data link to a dashboard that keeps data source and time; ``variables`` are added."""
    return "&".join(
        (f"/d/{uid(stem)}?${{datasource:queryparam}}&${{__url_time_range}}", *variables)
    )


def dashboard(
    module: str, description: str, choices: Sequence[str], sections: Sequence[Section]
) -> dict[str, Any]:
    """The classic JSON of the dashboard made in ``module`` (its ``__name__``)."""
    stem = module.rpartition(".")[2]
    made = build.Dashboard(f"Sidelight / {TITLES[stem]}").uid(uid(stem)).description(description)
    made.tags(["sidelight", "fastapi"]).time("now-1h", "now").refresh("1m").timezone("browser")
    made.readonly().tooltip(DashboardCursorSync.CROSSHAIR).version(1)
    made.links([_link(title, uid(one)) for one, title in TITLES.items() if one != stem])
    made.annotations(
        [
            _annotation("Deploys", DEPLOYS, "{{job}} {{service_version}}", colours.MOVED),
            _annotation("Alerts", ALERTS, "{{job}}: {{alertname}}", colours.BAD),
        ]
    )
    made.with_variable(variables.source())
    for name in choices:
        made.with_variable(variables.choice(name))
    layout.place(made, sections)
    return _finish(made)


def _link(title: str, uid: str) -> build.DashboardLink:
    """A link to another of these dashboards that keeps time and variables."""
    one = build.DashboardLink(title).type(DashboardLinkType.LINK).icon("dashboard").tags([])
    return one.url(f"/d/{uid}").include_vars(True).keep_time(True).as_dropdown(False).tooltip("")


def _annotation(name: str, expr: str, title: str, colour: str) -> build.AnnotationQuery:
    made = build.AnnotationQuery().name(name).enable(True).hide(False).icon_color(colour)
    made.datasource(DATASOURCE).expr(expr).title_format(title).step("60s")
    return made.target(prometheus.Dataquery().ref_id("Anno").expr(expr).range())


def _finish(made: build.Dashboard) -> dict[str, Any]:
    """What the library leaves out: numbers of panels, and empty lists that Grafana looks for."""
    found: dict[str, Any] = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    for number, panel in enumerate(found["panels"], start=1):
        panel["id"] = number
    for annotation in found["annotations"]["list"]:
        del annotation["placement"]  # else its switch is hidden in a menu
    return found
