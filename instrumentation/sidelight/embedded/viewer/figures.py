"""Single numbers: stat, gauge and bar gauge."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sidelight.embedded.viewer.board import Panel
from sidelight.embedded.viewer.fields import PALETTE, Field, field, series_name
from sidelight.embedded.viewer.prometheus import Answer, Labels
from sidelight.embedded.viewer.reduce import reduced
from sidelight.embedded.viewer.variables import Chosen, link

Json = dict[str, Any]
PLAIN: Final = PALETTE[0]
FULL: Final = {"percentunit": 1.0}
"""Where a gauge ends whose maximum isn't set, by unit; Grafana's default is 100."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its name."""

    name: str
    value: float
    field: Field
    labels: Labels


def figures(panel: Panel, answers: Sequence[Answer]) -> Iterator[Figure]:
    """A number a series. What has none, or is no number, isn't there."""
    calculation = (panel.options.get("reduceOptions", {}).get("calcs") or ["lastNotNull"])[0]
    for target, answer in zip(panel.targets, answers, strict=True):
        for series in answer.series:
            value = reduced(series.values, calculation)
            if value is not None and not math.isnan(value):
                name = series_name(target.legend, series)
                found = field(panel, name, target.ref)
                yield Figure(found.get("displayName", name), value, found, series.labels)


def stat(panel: Panel, answers: Sequence[Answer]) -> list[Json]:
    """Texts with their colours; a name where the panel asks for names."""
    found = list(figures(panel, answers))
    named = panel.options.get("textMode", "auto")
    both = named == "value_and_name" or (named == "auto" and len(found) > 1)
    return [
        {
            "text": one.name if named == "name" else one.field.text(one.value),
            "name": one.name if both else "",
            "colour": one.field.verdict(one.value)
            if panel.options.get("colorMode", "value") == "value"
            else "",
            "words": named == "name",
        }
        for one in found
    ]


def ends(found: Field) -> tuple[float, float]:
    """From where to where a gauge goes."""
    return float(found.get("min", 0)), float(found.get("max", FULL.get(found.unit, 100)))


def bars(panel: Panel, answers: Sequence[Answer], chosen: Chosen) -> list[Json]:
    """Bars: name, text, colour, how full from 0 to 1, and where a click leads."""
    worded = panel.options.get("valueMode") == "text"
    return [
        {
            "name": one.name,
            "text": one.field.text(one.value),
            "colour": (found := one.field.verdict(one.value) or one.field.fixed or PLAIN),
            "ink": "" if worded else found,
            "full": share(one.value, *ends(one.field)),
            "href": _href(one, chosen),
        }
        for one in figures(panel, answers)
    ]


def _href(one: Figure, chosen: Chosen) -> str:
    links = one.field.get("links") or ()
    return link(links[0]["url"], chosen, {}, one.labels) if links else ""


def share(value: float, low: float, high: float) -> float:
    """How far a value is from one end to the other."""
    return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0


def gauges(panel: Panel, answers: Sequence[Answer]) -> Json | None:
    """ECharts' options of a dial a series; None where there is none."""
    found = list(figures(panel, answers))
    if not found:
        return None
    width = 100 / len(found)
    return {
        "gauge": True,
        "series": [
            _dial(one, f"{width * (at + 0.5):.4g}%", panel.options, named=len(found) > 1)
            for at, one in enumerate(found)
        ],
        "legend": [],
        "marks": [],
    }


def _dial(one: Figure, centre: str, options: Mapping[str, Any], *, named: bool) -> Json:
    low, high = ends(one.field)
    marked = options.get("showThresholdMarkers", True)
    return {
        "type": "gauge",
        "center": [centre, "60%"],
        "radius": "92%",
        "startAngle": 200,
        "endAngle": -20,
        "min": low,
        "max": high,
        "progress": {"show": True, "width": 14},
        "color": one.field.verdict(one.value) or PLAIN,
        "bands": _bands(one.field, low, high) if marked else [],
        "data": [
            {
                "value": one.value,
                "name": one.name if named else "",
                "text": one.field.text(one.value),
            }
        ],
    }


def _bands(found: Field, low: float, high: float) -> list[tuple[float, str]]:
    """Up to which share of a dial which colour, as ECharts takes it."""
    starts = [step.get("value") for step in found.steps[1:]]
    upto = [share(start, low, high) for start in starts if start is not None]
    colours = [
        found.verdict(low - 1),
        *(found.verdict(start) for start in starts if start is not None),
    ]
    return list(zip([*upto, 1.0], colours, strict=False))
