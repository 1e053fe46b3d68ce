"""Dashboards: Grafana's classic JSON as typed values."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidelight.durations import to_seconds
from sidelight.embedded.viewer.supported import unsupported
from sidelight.errors import SidelightError

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GridPosition:
    """The position and size of a panel: in 24ths of the width, and in rows of the grid."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """A query of a panel. ``min_interval`` is its least step in seconds, or 0."""

    ref_id: str
    expr: str
    legend: str
    instant: bool
    min_interval: float
    exemplar: bool


@dataclass(frozen=True, slots=True)
class FieldOverride:
    """The properties that are set for the fields which a matcher selects."""

    matcher: str
    options: Any
    properties: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class PanelLink:
    """A link in the header of a panel."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``unsupported`` names what the viewer ignores in the panel's JSON."""

    id: int
    type: str
    title: str
    description: str
    position: GridPosition
    min_interval: float
    queries: tuple[PanelQuery, ...]
    field_defaults: Json
    overrides: tuple[FieldOverride, ...]
    options: Json
    transformations: tuple[Json, ...]
    links: tuple[PanelLink, ...]
    unsupported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TemplateVariable:
    """A variable of a dashboard. ``all_value`` replaces All in a query; it may be empty.

    The first group of ``regex``, if there is one, is the option in what the query finds.
    """

    name: str
    label: str
    type: str
    query: str
    multi: bool
    include_all: bool
    all_value: str
    regex: str
    current: tuple[str, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class AnnotationQuery:
    """A query whose result is marked on every graph of a dashboard."""

    name: str
    expr: str
    title: str
    color: str
    min_interval: float


@dataclass(frozen=True, slots=True)
class PanelRow:
    """The panels below the title of a row. The panels above the first row have no title."""

    title: str
    collapsed: bool
    panels: tuple[Panel, ...]

    @property
    def groups(self) -> list[list[Panel]]:
        """Panels whose vertical extents overlap, from the top to the bottom."""
        groups: list[list[Panel]] = []
        bottom = -1
        for panel in self.panels:
            if panel.position.y >= bottom:
                groups.append([])
            groups[-1].append(panel)
            bottom = max(bottom, panel.position.y + panel.position.height)
        return groups


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard."""

    uid: str
    title: str
    variables: tuple[TemplateVariable, ...]
    annotations: tuple[AnnotationQuery, ...]
    time_from: str
    time_to: str
    refresh: str
    rows: tuple[PanelRow, ...]

    @property
    def short_title(self) -> str:
        """The title without its prefix ``Sidelight /``."""
        return self.title.rpartition("/")[2].strip()

    @property
    def query_variables(self) -> Iterator[TemplateVariable]:
        """The variables whose options come from a query."""
        return (variable for variable in self.variables if variable.type == "query")

    @property
    def panels(self) -> Iterator[Panel]:
        """Every panel, from the top to the bottom."""
        for row in self.rows:
            yield from row.panels


def load(path: Path) -> Dashboard:
    """Read a dashboard from a file. Raises `SidelightError`."""
    try:
        return parse(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SidelightError(
            f"{path}: not a dashboard in Grafana's classic JSON: {error!r}"
        ) from error


def parse(model: Json) -> Dashboard:
    """A dashboard from its JSON. Raises KeyError if a required key is missing."""
    time = model.get("time", {})
    return Dashboard(
        uid=model["uid"],
        title=model["title"],
        variables=tuple(map(_variable, model.get("templating", {}).get("list", ()))),
        annotations=tuple(_annotations(model.get("annotations", {}).get("list", ()))),
        time_from=time.get("from", "now-1h"),
        time_to=time.get("to", "now"),
        refresh=model.get("refresh") or "",
        rows=tuple(_rows(model["panels"])),
    )


def _variable(model: Json) -> TemplateVariable:
    query = model.get("query", "")
    current = model.get("current", {}).get("value", ())
    return TemplateVariable(
        name=model["name"],
        label=model.get("label") or model["name"],
        type=model["type"],
        query=query["query"] if isinstance(query, dict) else str(query),
        multi=model.get("multi", False),
        include_all=model.get("includeAll", False),
        all_value=model.get("allValue") or "",
        regex=model.get("regex") or "",
        current=(current,) if isinstance(current, str) else tuple(current),
        descending=model.get("sort", 0) in {2, 4, 6, 8},
    )


def _annotations(models: Iterable[Json]) -> Iterator[AnnotationQuery]:
    for model in models:
        if model.get("enable", True) and "expr" in model:
            yield AnnotationQuery(
                model["name"],
                model["expr"],
                model.get("titleFormat", ""),
                model.get("iconColor", "#5b8dc9"),
                to_seconds(model.get("step") or "60s"),
            )


def _rows(models: Iterable[Json]) -> Iterator[PanelRow]:
    """The rows with panels. Logs are left out: they are in no Prometheus."""
    return (row for row in _all_rows(models) if row.panels)


def _all_rows(models: Iterable[Json]) -> Iterator[PanelRow]:
    title, collapsed, panels = "", False, list[Panel]()
    for model in sorted(models, key=lambda model: (model["gridPos"]["y"], model["gridPos"]["x"])):
        if model["type"] != "row":
            panels += _drawn([model])
            continue
        if title or panels:
            yield PanelRow(title, collapsed, tuple(panels))
        title, collapsed = model.get("title", ""), model.get("collapsed", False)
        panels = _drawn(model.get("panels") or ())
    yield PanelRow(title, collapsed, tuple(panels))


def _drawn(models: Iterable[Json]) -> list[Panel]:
    return [_panel(model) for model in models if model["type"] != "logs"]


def _panel(model: Json) -> Panel:
    field_config, position = model.get("fieldConfig", {}), model["gridPos"]
    links = model.get("links") or ()
    return Panel(
        id=model["id"],
        type=model["type"],
        title=model.get("title", ""),
        description=model.get("description", ""),
        position=GridPosition(position["x"], position["y"], position["w"], position["h"]),
        min_interval=to_seconds(model.get("interval") or "0s"),
        queries=tuple(_query(one) for one in model.get("targets") or () if not one.get("hide")),
        field_defaults=field_config.get("defaults", {}),
        overrides=tuple(map(_override, field_config.get("overrides", ()))),
        options=model.get("options", {}),
        transformations=tuple(model.get("transformations") or ()),
        links=tuple(PanelLink(link.get("title", ""), link.get("url", "")) for link in links),
        unsupported=tuple(unsupported(model)),
    )


def _query(model: Json) -> PanelQuery:
    return PanelQuery(
        ref_id=model.get("refId", "A"),
        expr=model["expr"],
        legend=model.get("legendFormat", ""),
        instant=bool(model.get("instant")),
        min_interval=to_seconds(model.get("interval") or "0s"),
        exemplar=bool(model.get("exemplar")),
    )


def _override(model: Json) -> FieldOverride:
    matcher = model["matcher"]
    properties = tuple((one["id"], one.get("value")) for one in model["properties"])
    return FieldOverride(matcher["id"], matcher.get("options"), properties)
