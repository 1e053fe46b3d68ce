"""Panels that reduce each series to one value: stat, gauge and bar gauge."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sidelight.embedded.viewer.dashboard import Panel
from sidelight.embedded.viewer.fields import PALETTE, FieldConfig, field_config, series_name
from sidelight.embedded.viewer.query_result import Labels, QueryResult
from sidelight.embedded.viewer.variables import PageState, data_link

Json = dict[str, Any]
Values = Sequence[float]
DEFAULT_COLOR: Final = PALETTE[0]
DEFAULT_MAX: Final = {"percentunit": 1.0}
"""The maximum of a gauge by unit, if none is set. For other units it is Grafana's 100."""
CALCULATIONS: Final[Mapping[str, Callable[[Values], float]]] = {
    "count": len,
    "first": lambda values: values[0],
    "firstNotNull": lambda values: values[0],
    "last": lambda values: values[-1],
    "lastNotNull": lambda values: values[-1],
    "max": max,
    "mean": lambda values: math.fsum(values) / len(values),
    "min": min,
    "sum": math.fsum,
}
WITH_NAN: Final = frozenset({"count", "first", "last"})
"""The calculations that do not skip NaN."""


def reduce_values(values: Values, calculation: str) -> float | None:
    """One of Grafana's calculations, over values in the order of their times; None for none."""
    if calculation not in WITH_NAN:
        values = [value for value in values if not math.isnan(value)]
    if calculation == "count" or values:
        return float(CALCULATIONS[calculation](values))
    return None


@dataclass(frozen=True, slots=True)
class ReducedValue:
    """The value of one series with its name."""

    name: str
    value: float
    field: FieldConfig
    labels: Labels


def _reduced(panel: Panel, results: Sequence[QueryResult]) -> Iterator[ReducedValue]:
    """One value for each series; a series without a value, or with NaN, is left out."""
    calculation = (panel.options.get("reduceOptions", {}).get("calcs") or ["lastNotNull"])[0]
    for query, result in zip(panel.queries, results, strict=True):
        for series in result.series:
            value = reduce_values(series.values, calculation)
            if value is not None and not math.isnan(value):
                name = series_name(query.legend, series)
                field = field_config(panel, name, query.ref_id)
                yield ReducedValue(field.get("displayName", name), value, field, series.labels)


def stat(panel: Panel, results: Sequence[QueryResult]) -> list[Json]:
    """Texts with their colors, and with names if the panel shows names."""
    reduced = list(_reduced(panel, results))
    mode = panel.options.get("textMode", "auto")
    named = mode == "value_and_name" or (mode == "auto" and len(reduced) > 1)
    colored = panel.options.get("colorMode", "value") == "value"
    return [
        {
            "text": one.name if mode == "name" else one.field.format(one.value),
            "name": one.name if named else "",
            "color": one.field.threshold_color(one.value) if colored else "",
            "isName": mode == "name",
        }
        for one in reduced
    ]


def bar_gauge(panel: Panel, results: Sequence[QueryResult], state: PageState) -> list[Json]:
    """Bars: name, text, color, the filled share from 0 to 1, and the address of a link."""
    bars = []
    for one in _reduced(panel, results):
        color = one.field.threshold_color(one.value) or one.field.fixed_color or DEFAULT_COLOR
        bars.append(
            {
                "name": one.name,
                "text": one.field.format(one.value),
                "color": color,
                "textColor": "" if panel.options.get("valueMode") == "text" else color,
                "share": _share(one.value, *_range(one.field)),
                "href": _href(one, state),
            }
        )
    return bars


def _href(one: ReducedValue, state: PageState) -> str:
    links = one.field.get("links") or ()
    return data_link(links[0]["url"], state, {}, one.labels) if links else ""


def _range(field: FieldConfig) -> tuple[float, float]:
    """The minimum and the maximum of a gauge."""
    return float(field.get("min", 0)), float(field.get("max", DEFAULT_MAX.get(field.unit, 100)))


def _share(value: float, low: float, high: float) -> float:
    """The part of the range that lies below a value, from 0 to 1."""
    return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0


def gauge(panel: Panel, results: Sequence[QueryResult]) -> Json | None:
    """ECharts' options of a gauge for each series; None if there is no value."""
    reduced = list(_reduced(panel, results))
    if not reduced:
        return None
    width = 100 / len(reduced)
    return {
        "gauge": True,
        "series": [
            _gauge(one, f"{width * (at + 0.5):.4g}%", panel.options, named=len(reduced) > 1)
            for at, one in enumerate(reduced)
        ],
        "legend": [],
        "annotations": [],
    }


def _gauge(one: ReducedValue, center: str, options: Mapping[str, Any], *, named: bool) -> Json:
    low, high = _range(one.field)
    markers = options.get("showThresholdMarkers", True)
    return {
        "type": "gauge",
        "center": [center, "60%"],
        "radius": "92%",
        "startAngle": 200,
        "endAngle": -20,
        "min": low,
        "max": high,
        "progress": {"show": True, "width": 14},
        "color": one.field.threshold_color(one.value) or DEFAULT_COLOR,
        "thresholds": _threshold_bands(one.field, low, high) if markers else [],
        "data": [
            {
                "value": one.value,
                "name": one.name if named else "",
                "text": one.field.format(one.value),
            }
        ],
    }


def _threshold_bands(field: FieldConfig, low: float, high: float) -> list[tuple[float, str]]:
    """The colors of a gauge's ring, and the share of the range at which each ends."""
    starts = [step["value"] for step in field.thresholds[1:] if step.get("value") is not None]
    ends = [_share(start, low, high) for start in starts]
    colors = [field.threshold_color(low - 1), *map(field.threshold_color, starts)]
    return list(zip([*ends, 1.0], colors, strict=False))
