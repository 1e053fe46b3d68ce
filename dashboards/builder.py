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
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards import colours, queries
from dashboards.panels import PanelBuilder
from dashboards.queries import DATASOURCE, JOB, SELECTED
from sidelight.histogram_queries import DURATION
from sidelight.slo import names

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
VERSIONS: Final = "count by (job, service_version)"
NOW, BEFORE = (f"{queries.raw('target_info')}{offset}" for offset in ("", " offset 5m"))


def _changed(what: str, there: str, unless: str) -> str:
    """Versions that a service has at one time and not at another, at which it has others."""
    versions = (
        f"{VERSIONS} ({there}) unless on (job, service_version) {VERSIONS} ({unless}) "
        f"and on (job) count by (job) ({unless})"
    )
    return f'label_replace({versions}, "change", "{what}", "job", ".*")'


DEPLOYS: Final = f"{_changed('began', NOW, BEFORE)} or {_changed('ended', BEFORE, NOW)}"
"""Where the set of a service's versions has changed in the last five minutes."""
RELEASE: Final = "{{job}} {{service_version}} {{change}}"
FIRING: Final = f'ALERTS{{{JOB},alertstate="firing",severity=~"critical|warning"}}'
REQUESTED: Final = f'__name__=~"{DURATION}_count|{DURATION}"'
"""The series that tell of what there were requests: of classic histograms, and native ones."""
SERVICES: Final = " or ".join(
    f"count by (job) ({series})"
    for series in (
        f"last_over_time({names.SERVICE}[1d])",
        "sidelight_workers",
        f"{{{REQUESTED}}}",
    )
)
"""Services that had requests in the last day, or that are measured now."""
VARIABLES: Final = {
    "job": ("Job", "", f"query_result({SERVICES})"),
    "instance": ("Instance", ".+", f"label_values({{{REQUESTED},{JOB}}}, instance)"),
    "route": ("Route", ".*", f"label_values({{{REQUESTED},{SELECTED}}}, http_route)"),
    "method": (
        "Method",
        ".*",
        f"label_values({{{REQUESTED},{SELECTED},{queries.ROUTE}}}, http_request_method)",
    ),
}
"""Name to label, the pattern of "All", and query. The route of some requests is empty.

Without a pattern, "All" is each job that the query finds, and not every job of that Prometheus.
"""
OF_RESULT: Final = '/^{job="(.*)"}/'
"""The job in a line of a `query_result`."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside each other, ``height`` units high; widths are in 24ths."""

    height: int
    panels: Sequence[PanelBuilder]
    widths: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of panels, below a heading if there is a title; ``closed`` until it is clicked."""

    title: str
    rows: Sequence[Row]
    closed: bool = False


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
    links = [_link(title, uid(one)) for one, title in TITLES.items() if one != stem]
    made.links([*links, _all_dashboards()])
    alerts = f"count by (job, alertname) ({FIRING})"
    made.annotations(
        [
            _annotation("Deploys", DEPLOYS, RELEASE, colours.DEPLOY),
            _annotation("Alerts", alerts, "{{job}}: {{alertname}}", colours.BAD),
        ]
    )
    # The data source is selected by its type, so that the file contains no uid of a data source.
    source = build.DatasourceVariable("datasource").label("Data source")
    made.with_variable(source.type("prometheus"))
    for name in variables:
        made.with_variable(_variable(name))
    if any(section.closed for section in sections):
        made.with_variable(_log_source())
    _place(made, sections)
    return _finish(made)


def _link(title: str, uid: str) -> build.DashboardLink:
    """A link to another of these dashboards that keeps time range and variables."""
    one = build.DashboardLink(title).type(DashboardLinkType.LINK).icon("dashboard").tags([])
    return one.url(f"/d/{uid}").include_vars(True).keep_time(True).as_dropdown(False).tooltip("")


def _all_dashboards() -> build.DashboardLink:
    """A menu of the dashboards with the tag of these."""
    menu = build.DashboardLink("Sidelight").type(DashboardLinkType.DASHBOARDS).tags(["sidelight"])
    return menu.as_dropdown(True).include_vars(True).keep_time(True).icon("").tooltip("").url("")


def _annotation(name: str, expr: str, title: str, colour: str) -> build.AnnotationQuery:
    made = build.AnnotationQuery().name(name).enable(True).hide(False).icon_color(colour)
    made.datasource(DATASOURCE).expr(expr).title_format(title).step("60s")
    return made.target(prometheus.Dataquery().ref_id("Anno").expr(expr).range())


def _variable(name: str) -> build.QueryVariable:
    """A variable whose value is one or several values of a label, or all of them."""
    label, every, query = VARIABLES[name]
    made = build.QueryVariable(name).label(label).datasource(DATASOURCE)
    made.query({"query": query, "refId": f"variable-{name}"})
    made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    made.current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    made.multi(True).include_all(True)
    return made.all_value(every) if every else made.regex(OF_RESULT)


def _log_source() -> build.DatasourceVariable:
    """The first Loki; the variable is not shown, because many have none."""
    return build.DatasourceVariable("logs").type("loki").hide(VariableHide.HIDE_VARIABLE)


def _place(made: build.Dashboard, sections: Sequence[Section]) -> None:
    """Add all panels, from top to bottom."""
    y = 0
    for section in sections:
        panels = _placed(section, y + bool(section.title))
        if section.title:
            heading = build.Row(section.title).grid_pos(GridPos(h=1, w=WIDTH, x=0, y=y))
            made.with_row(_closed(heading, panels) if section.closed else heading)
        if not section.closed:
            for panel in panels:
                made.with_panel(panel)
        y += bool(section.title)
        y += 0 if section.closed else sum(row.height for row in section.rows)


def _closed(heading: build.Row, panels: Sequence["_Placed"]) -> build.Row:
    """A heading with its panels in it, which are loaded when it is opened."""
    for panel in panels:
        heading.with_panel(panel)
    return heading.collapsed(True)


def _placed(section: Section, y: int) -> list["_Placed"]:
    """The panels of a section, whose first row is at ``y``."""
    found = []
    for row in section.rows:
        x, even = 0, [WIDTH // len(row.panels)] * len(row.panels)
        for panel, width in zip(row.panels, row.widths or even, strict=True):
            found.append(_Placed(panel, GridPos(h=row.height, w=width, x=x, y=y)))
            x += width
        y += row.height
    return found


class _Placed(Builder[Panel]):
    """A panel with a position; the library's own placing has no rows of a given height."""

    def __init__(self, panel: PanelBuilder, position: GridPos) -> None:
        self.panel, self.position = panel, position

    def build(self) -> Panel:
        made = self.panel.build()
        made.grid_pos = self.position
        return made


def _finish(made: build.Dashboard) -> dict[str, Any]:
    """Adds the panel ids, which the library omits, and removes what Grafana's types do not have."""
    found: dict[str, Any] = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    inner = [panel for row in found["panels"] for panel in row.get("panels") or ()]
    for number, panel in enumerate([*found["panels"], *inner], start=1):
        panel["id"] = number
        panel.get("options", {}).pop("footer", None)
    for one in [*found["annotations"]["list"], *found["links"]]:
        del one["placement"]  # with it, links and the switches of annotations are in a menu
    for variable in found["templating"]["list"]:
        for key in ("auto", "auto_min", "auto_count"):
            variable.pop(key, None)
    return found
