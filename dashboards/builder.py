"""Builds the JSON of a dashboard: its title, links, annotations, variables and panel positions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    GridPos,
    Panel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards import colours, queries
from dashboards.panels import PanelBuilder
from dashboards.queries import DATASOURCE, DURATION, JOB, SELECTED

TITLES: Final = {
    "fleet": "Fleet",
    "service": "Service",
    "route": "Route",
    "runtime": "Runtime",
    "objectives": "Objectives",
    "telemetry_health": "Telemetry health",
}
WIDTH: Final = 24
"""The columns of Grafana's grid."""
VERSIONS: Final = f"count by (job, service_version) ({queries.raw('target_info')}"
DEPLOYS: Final = (
    f"{VERSIONS}) unless on (job, service_version) {VERSIONS} offset 5m) "
    f"and on (job) count by (job) ({queries.raw('target_info')} offset 5m)"
)
FIRING: Final = f'ALERTS{{{JOB},alertstate="firing",severity=~"critical|warning"}}'
VARIABLES: Final = {
    "job": ("Job", ".+", f"label_values({DURATION}_count, job)"),
    "instance": ("Instance", ".+", f"label_values({DURATION}_count{{{JOB}}}, instance)"),
    "route": ("Route", ".*", f"label_values({DURATION}_count{{{SELECTED}}}, http_route)"),
    "method": (
        "Method",
        ".*",
        f"label_values({DURATION}_count{{{SELECTED},{queries.ROUTE}}}, http_request_method)",
    ),
}
"""Name to label, the pattern of "All", and query. The route of some requests is empty."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside each other, ``height`` units high; widths are in 24ths."""

    height: int
    panels: Sequence[PanelBuilder]
    widths: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of panels, below a heading if there is a title."""

    title: str
    rows: Sequence[Row]


def uid(stem: str) -> str:
    """The uid of the dashboard of a module, which is also the name of its file."""
    return f"sidelight-{stem.replace('_', '-')}"


def link_to(stem: str, *parameters: str) -> str:
    """A data link to a dashboard that keeps data source and time range."""
    return "&".join(
        (f"/d/{uid(stem)}?${{datasource:queryparam}}&${{__url_time_range}}", *parameters)
    )


def dashboard(
    module: str,
    description: str,
    *sections: Section,
    variables: Sequence[str] = ("job", "instance"),
) -> dict[str, Any]:
    """The classic JSON of the dashboard of a ``module`` (its ``__name__``)."""
    stem = module.rpartition(".")[2]
    made = build.Dashboard(f"Sidelight / {TITLES[stem]}").uid(uid(stem)).description(description)
    made.tags(["sidelight", "fastapi"]).time("now-1h", "now").refresh("1m").timezone("browser")
    made.readonly().tooltip(DashboardCursorSync.CROSSHAIR).version(1)
    made.links([_link(title, uid(one)) for one, title in TITLES.items() if one != stem])
    alerts = f"count by (job, alertname) ({FIRING})"
    made.annotations(
        [
            _annotation("Deploys", DEPLOYS, "{{job}} {{service_version}}", colours.DEPLOY),
            _annotation("Alerts", alerts, "{{job}}: {{alertname}}", colours.BAD),
        ]
    )
    # The data source is selected by its type, so that the file contains no uid of a data source.
    source = build.DatasourceVariable("datasource").label("Data source")
    made.with_variable(source.type("prometheus"))
    for name in variables:
        made.with_variable(_variable(name))
    _place(made, sections)
    return _finish(made)


def _link(title: str, uid: str) -> build.DashboardLink:
    """A link to another of these dashboards that keeps time range and variables."""
    one = build.DashboardLink(title).type(DashboardLinkType.LINK).icon("dashboard").tags([])
    return one.url(f"/d/{uid}").include_vars(True).keep_time(True).as_dropdown(False).tooltip("")


def _annotation(name: str, expr: str, title: str, colour: str) -> build.AnnotationQuery:
    made = build.AnnotationQuery().name(name).enable(True).hide(False).icon_color(colour)
    made.datasource(DATASOURCE).expr(expr).title_format(title).step("60s")
    return made.target(prometheus.Dataquery().ref_id("Anno").expr(expr).range())


def _variable(name: str) -> build.QueryVariable:
    """A variable whose value is one or several values of a label, or all of them."""
    label, every, query = VARIABLES[name]
    made = build.QueryVariable(name).label(label).datasource(DATASOURCE)
    made.query({"query": query, "refId": f"variable-{name}"}).definition(query)
    made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    made.current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    return made.multi(True).include_all(True).all_value(every)


def _place(made: build.Dashboard, sections: Sequence[Section]) -> None:
    """Add all panels, from top to bottom."""
    y = 0
    for section in sections:
        if section.title:
            made.with_row(build.Row(section.title).grid_pos(GridPos(h=1, w=WIDTH, x=0, y=y)))
            y += 1
        for row in section.rows:
            x, even = 0, [WIDTH // len(row.panels)] * len(row.panels)
            for panel, width in zip(row.panels, row.widths or even, strict=True):
                made.with_panel(_Placed(panel, GridPos(h=row.height, w=width, x=x, y=y)))
                x += width
            y += row.height


class _Placed(Builder[Panel]):
    """A panel with a position; the library's own placing has no rows of a given height."""

    def __init__(self, panel: PanelBuilder, position: GridPos) -> None:
        self.panel, self.position = panel, position

    def build(self) -> Panel:
        made = self.panel.build()
        made.grid_pos = self.position
        return made


def _finish(made: build.Dashboard) -> dict[str, Any]:
    """Adds the panel ids, which the library omits."""
    found: dict[str, Any] = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    for number, panel in enumerate(found["panels"], start=1):
        panel["id"] = number
    for annotation in found["annotations"]["list"]:
        del annotation["placement"]  # with it, the switch of the annotation is hidden in a menu
    return found
