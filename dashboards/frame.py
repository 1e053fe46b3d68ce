"""What is around the panels of every dashboard: variables, links, annotations, and the layout."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    GridPos,
    Panel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards import panels, promql

TITLES: Final = {
    "fleet": "Fleet",
    "service": "Service",
    "route": "Route",
    "runtime": "Runtime",
    "objectives": "Objectives",
    "telemetry_health": "Telemetry health",
}
WIDTH: Final = 24
COUNT: Final = f"{promql.DURATION}_count"
CHOICES: Final = {
    "job": ("Job", ".+", f"label_values({COUNT}, job)"),
    "instance": ("Instance", ".+", f"label_values({COUNT}{{{promql.JOB}}}, instance)"),
    "route": ("Route", ".*", f"label_values({COUNT}{{{promql.WHO}}}, http_route)"),
    "method": (
        "Method",
        ".*",
        f'label_values({COUNT}{{{promql.WHO},http_route=~"$route"}}, http_request_method)',
    ),
}
"""Name to label, what "All" stands for, and query. A route may be empty: outside of any."""
VERSIONS: Final = f"count by (job, service_version) ({promql.raw('target_info')}"
DEPLOYS: Final = (
    f"{VERSIONS}) unless on (job, service_version) {VERSIONS} offset 5m) "
    f"and on (job) count by (job) ({promql.raw('target_info')} offset 5m)"
)
ALERTS: Final = (
    "count by (job, alertname) "
    f'(ALERTS{{{promql.JOB},alertstate="firing",severity=~"critical|warning"}})'
)


@dataclass(frozen=True, slots=True)
class Line:
    """Panels beside each other, ``height`` units high; widths are in 24ths."""

    height: int
    panels: Sequence[Builder[Panel]]
    widths: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, where it has a title, and its lines."""

    title: str
    lines: Sequence[Line]


def uid(stem: str) -> str:
    """The uid of the dashboard of a module, and the name of its file."""
    return f"sidelight-{stem.replace('_', '-')}"


def to(stem: str, *variables: str) -> str:
    """A data link to a dashboard that keeps data source and time; ``variables`` are added."""
    return "&".join(
        (f"/d/{uid(stem)}?${{datasource:queryparam}}&${{__url_time_range}}", *variables)
    )


def dashboard(
    module: str, description: str, variables: Sequence[str], sections: Sequence[Section]
) -> dict[str, Any]:
    """The classic JSON of the dashboard made in ``module`` (its ``__file__``)."""
    stem = Path(module).stem
    made = build.Dashboard(f"Sidelight / {TITLES[stem]}").uid(uid(stem)).description(description)
    made.tags(["sidelight", "fastapi"]).time("now-1h", "now").refresh("1m").timezone("browser")
    made.readonly().tooltip(DashboardCursorSync.CROSSHAIR).version(1)
    made.links([panels.link(title, uid(one)) for one, title in TITLES.items() if one != stem])
    made.annotations(
        [
            _annotation("Deploys", DEPLOYS, "{{job}} {{service_version}}", panels.MOVED),
            _annotation("Alerts", ALERTS, "{{job}}: {{alertname}}", panels.BAD),
        ]
    )
    made.with_variable(_source())
    for name in variables:
        made.with_variable(_choice(name))
    _place(made, sections)
    return _finish(made)


def _source() -> build.DatasourceVariable:
    # Prometheus is chosen by its type: no uid of anybody's is in the file.
    return build.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _choice(name: str) -> build.QueryVariable:
    label, every, query = CHOICES[name]
    made = build.QueryVariable(name).label(label).datasource(panels.DATASOURCE)
    made.query({"query": query, "refId": f"variable-{name}"}).definition(query)
    made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
    made.current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    return made.multi(True).include_all(True).all_value(every)


def _annotation(name: str, expr: str, title: str, colour: str) -> build.AnnotationQuery:
    made = build.AnnotationQuery().name(name).enable(True).hide(False).icon_color(colour)
    made.datasource(panels.DATASOURCE).expr(expr).title_format(title).step("60s")
    return made.target(prometheus.Dataquery().ref_id("Anno").expr(expr).range())


def _place(made: build.Dashboard, sections: Sequence[Section]) -> None:
    y = 0
    for section in sections:
        if section.title:
            made.with_row(build.Row(section.title).grid_pos(GridPos(h=1, w=WIDTH, x=0, y=y)))
            y += 1
        for line in section.lines:
            _place_line(made, line, y)
            y += line.height


def _place_line(made: build.Dashboard, line: Line, y: int) -> None:
    x, even = 0, [WIDTH // len(line.panels)] * len(line.panels)
    for panel, width in zip(line.panels, line.widths or even, strict=True):
        made.with_panel(_At(panel, GridPos(h=line.height, w=width, x=x, y=y)))
        x += width


class _At(Builder[Panel]):
    """A panel at its place; the library's own placing knows no lines."""

    def __init__(self, panel: Builder[Panel], where: GridPos) -> None:
        self.panel, self.where = panel, where

    def build(self) -> Panel:
        made = self.panel.build()
        made.grid_pos = self.where
        return made


def _finish(made: build.Dashboard) -> dict[str, Any]:
    """What the library leaves out: numbers of panels, and empty lists that Grafana looks for."""
    found: dict[str, Any] = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    for number, panel in enumerate(found["panels"], start=1):
        panel["id"] = number
    for annotation in found["annotations"]["list"]:
        del annotation["placement"]  # else its switch is hidden in a menu
    return found
