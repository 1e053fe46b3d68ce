"""Grafana's classic JSON of a dashboard as typed values."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sidelight.embedded.viewer.known import strange
from sidelight.embedded.viewer.times import seconds
from sidelight.errors import SidelightError

Json = Mapping[str, Any]
COLUMNS: Final = 24


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel is: in 24ths of the width, and rows of the grid."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel. ``interval`` is its least step in seconds; 0 where none is given."""

    ref: str
    expr: str
    legend: str
    form: str
    instant: bool
    interval: float
    exemplar: bool


@dataclass(frozen=True, slots=True)
class Override:
    """Settings for the fields that a matcher picks."""

    matcher: str
    options: Any
    properties: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A link to another page."""

    title: str
    url: str
    with_variables: bool = False
    with_time: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``remarks`` names what of its JSON this viewer can't draw."""

    id: int
    type: str
    title: str
    description: str
    place: Place
    interval: float
    targets: tuple[Target, ...]
    defaults: Json
    overrides: tuple[Override, ...]
    options: Json
    transformations: tuple[Json, ...]
    links: tuple[Link, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """What the reader chooses; ``every`` is what All stands for, empty where it is a list."""

    name: str
    label: str
    kind: str
    query: str
    multi: bool
    with_all: bool
    every: str
    chosen: tuple[str, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is marked on every graph: a query, where it has points."""

    name: str
    expr: str
    title: str
    colour: str
    step: float


@dataclass(frozen=True, slots=True)
class Section:
    """Panels below a heading; the first section has none."""

    title: str
    collapsed: bool
    panels: tuple[Panel, ...]

    @property
    def bands(self) -> list[list[Panel]]:
        """Panels beside each other: no panel of a band reaches into another band's rows."""
        found: list[list[Panel]] = []
        bottom = -1
        for panel in self.panels:
            if panel.place.y >= bottom:
                found.append([])
            found[-1].append(panel)
            bottom = max(bottom, panel.place.y + panel.place.h)
        return found


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    annotations: tuple[Annotation, ...]
    links: tuple[Link, ...]
    since: str
    until: str
    refresh: str
    sections: tuple[Section, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """Every panel, from the top down."""
        for section in self.sections:
            yield from section.panels


def load(path: Path) -> Board:
    """A dashboard's file. Raises `SidelightError` where it is none."""
    try:
        return board(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SidelightError(
            f"{path}: no dashboard of Grafana's classic JSON: {error!r}"
        ) from error


def board(found: Json) -> Board:
    """A dashboard from its JSON. Raises KeyError where what makes one is missing."""
    time = found.get("time", {})
    return Board(
        uid=found["uid"],
        title=found["title"],
        description=found.get("description", ""),
        variables=tuple(_variable(one) for one in found.get("templating", {}).get("list", ())),
        annotations=tuple(_annotations(found.get("annotations", {}).get("list", ()))),
        links=tuple(_link(one) for one in found.get("links", ())),
        since=time.get("from", "now-1h"),
        until=time.get("to", "now"),
        refresh=found.get("refresh") or "",
        sections=tuple(_sections(found["panels"])),
    )


def _variable(found: Json) -> Variable:
    query = found.get("query", "")
    chosen = found.get("current", {}).get("value", ())
    return Variable(
        name=found["name"],
        label=found.get("label") or found["name"],
        kind=found["type"],
        query=query["query"] if isinstance(query, dict) else str(query),
        multi=found.get("multi", False),
        with_all=found.get("includeAll", False),
        every=found.get("allValue") or "",
        chosen=(chosen,) if isinstance(chosen, str) else tuple(chosen),
        descending=found.get("sort", 0) in {2, 4, 6, 8},
    )


def _annotations(found: Iterable[Json]) -> Iterator[Annotation]:
    for one in found:
        if one.get("enable", True) and "expr" in one:
            step = seconds(one.get("step") or "60s")
            title = one.get("titleFormat", "")
            yield Annotation(one["name"], one["expr"], title, one.get("iconColor", "#5b8dc9"), step)


def _link(found: Json) -> Link:
    return Link(
        found.get("title", ""),
        found.get("url", ""),
        found.get("includeVars", False),
        found.get("keepTime", False),
    )


def _sections(found: Iterable[Json]) -> Iterator[Section]:
    title, collapsed, panels = "", False, list[Panel]()
    for one in sorted(found, key=lambda one: (one["gridPos"]["y"], one["gridPos"]["x"])):
        if one["type"] != "row":
            panels.append(_panel(one))
            continue
        if title or panels:
            yield Section(title, collapsed, tuple(panels))
        title, collapsed = one.get("title", ""), one.get("collapsed", False)
        panels = [_panel(inner) for inner in one.get("panels") or ()]
    yield Section(title, collapsed, tuple(panels))


def _panel(found: Json) -> Panel:
    field, place = found.get("fieldConfig", {}), found["gridPos"]
    return Panel(
        id=found["id"],
        type=found["type"],
        title=found.get("title", ""),
        description=found.get("description", ""),
        place=Place(place["x"], place["y"], place["w"], place["h"]),
        interval=seconds(found.get("interval") or "0s"),
        targets=tuple(_target(one) for one in found.get("targets") or () if not one.get("hide")),
        defaults=field.get("defaults", {}),
        overrides=tuple(_override(one) for one in field.get("overrides", ())),
        options=found.get("options", {}),
        transformations=tuple(found.get("transformations") or ()),
        links=tuple(_link(one) for one in found.get("links") or ()),
        remarks=tuple(strange(found)),
    )


def _target(found: Json) -> Target:
    return Target(
        ref=found.get("refId", "A"),
        expr=found["expr"],
        legend=found.get("legendFormat", ""),
        form=found.get("format", "time_series"),
        instant=bool(found.get("instant")),
        interval=seconds(found.get("interval") or "0s"),
        exemplar=bool(found.get("exemplar")),
    )


def _override(found: Json) -> Override:
    matcher = found["matcher"]
    properties = tuple((one["id"], one.get("value")) for one in found["properties"])
    return Override(matcher["id"], matcher.get("options"), properties)
