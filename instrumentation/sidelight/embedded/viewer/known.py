"""What of a panel's JSON this viewer draws; all else is named on the panel, never guessed.

An entry is a path in the panel's JSON, ``[]`` for the members of a list. Its value is the set of
values that are drawn as Grafana draws them, or None where any is.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Known = Mapping[str, frozenset[object] | None]
ON: Final = frozenset({True})
OFF: Final = frozenset({False})
EITHER: Final = ON | OFF


def _only(*values: object) -> frozenset[object]:
    return frozenset(values)


FIELD: Final[Known] = {
    "fieldConfig.defaults.color.mode": _only("palette-classic", "thresholds", "fixed"),
    "fieldConfig.defaults.color.fixedColor": None,
    "fieldConfig.defaults.decimals": None,
    "fieldConfig.defaults.max": None,
    "fieldConfig.defaults.min": None,
    "fieldConfig.defaults.noValue": None,
    "fieldConfig.defaults.thresholds.mode": _only("absolute"),
    "fieldConfig.defaults.thresholds.steps[].color": None,
    "fieldConfig.defaults.thresholds.steps[].value": None,
    "fieldConfig.defaults.unit": None,
    "interval": None,
}
REDUCED: Final[Known] = {
    "options.orientation": _only("auto", "horizontal", "vertical"),
    "options.reduceOptions.calcs[]": _only(
        "lastNotNull", "last", "firstNotNull", "first", "min", "max", "mean", "sum", "count"
    ),
    "options.reduceOptions.fields": _only(""),
    "options.reduceOptions.values": OFF,
}
TIMESERIES: Final[Known] = {
    **FIELD,
    "fieldConfig.defaults.custom.drawStyle": _only("line"),
    "fieldConfig.defaults.custom.fillOpacity": None,
    "fieldConfig.defaults.custom.lineInterpolation": _only("linear"),
    "fieldConfig.defaults.custom.lineWidth": None,
    "fieldConfig.defaults.custom.showPoints": _only("auto"),
    "fieldConfig.defaults.custom.spanNulls": EITHER,
    "fieldConfig.defaults.custom.stacking.group": None,
    "fieldConfig.defaults.custom.stacking.mode": _only("none", "normal"),
    "options.legend.displayMode": _only("list", "hidden"),
    "options.legend.placement": _only("bottom"),
    "options.legend.showLegend": EITHER,
    "options.tooltip.mode": _only("multi"),
    "options.tooltip.sort": _only("desc"),
}
STAT: Final[Known] = {
    **FIELD,
    **REDUCED,
    "options.colorMode": _only("value", "none"),
    "options.graphMode": _only("none"),
    "options.justifyMode": _only("auto", "center"),
    "options.percentChangeColorMode": None,  # of a change that is not shown
    "options.showPercentChange": OFF,
    "options.textMode": _only("value", "name", "auto", "value_and_name"),
    "options.wideLayout": ON,
}
GAUGE: Final[Known] = {
    **FIELD,
    **REDUCED,
    "options.minVizHeight": None,  # this grid has its own
    "options.minVizWidth": None,  # as above
    "options.showThresholdLabels": OFF,
    "options.showThresholdMarkers": EITHER,
    "options.sizing": _only("auto"),
}
BARS: Final[Known] = {
    **FIELD,
    **REDUCED,
    "options.displayMode": _only("basic", "gradient"),
    "options.maxVizHeight": None,  # this grid has its own
    "options.minVizHeight": None,  # as above
    "options.minVizWidth": None,  # as above
    "options.namePlacement": _only("auto", "left"),
    "options.showUnfilled": ON,
    "options.sizing": _only("auto"),
    "options.legend.calcs[]": None,  # of a legend that is not shown
    "options.legend.displayMode": None,  # as above
    "options.legend.placement": None,  # as above
    "options.legend.showLegend": OFF,
    "options.valueMode": _only("color", "text"),
}
TABLE: Final[Known] = {
    **FIELD,
    "fieldConfig.defaults.custom.align": _only("auto"),
    "fieldConfig.defaults.custom.cellOptions.type": _only("auto"),
    "fieldConfig.defaults.custom.filterable": None,  # a filter that is not used changes nothing
    "fieldConfig.defaults.custom.inspect": OFF,
    "options.cellHeight": _only("sm"),
    "options.footer.countRows": None,  # of a footer that is not shown
    "options.footer.show": OFF,
    "options.frameIndex": _only(0),
    "options.showHeader": ON,
    "options.showTypeIcons": OFF,
    "options.sortBy[].desc": None,
    "options.sortBy[].displayName": None,
}
HEATMAP: Final[Known] = {
    **FIELD,
    "options.calculate": OFF,
    "options.cellGap": None,
    "options.cellValues.unit": None,
    "options.color.exponent": None,  # of the mode "opacity" only
    "options.color.fill": None,  # as above
    "options.color.mode": _only("scheme"),
    "options.color.reverse": OFF,
    "options.color.scheme": _only("Blues"),
    "options.color.steps": None,
    "options.exemplars.color": None,
    "options.filterValues.le": None,
    "options.legend.show": EITHER,
    "options.selectionMode": None,  # what a drag does
    "options.showValue": _only("auto", "never"),
    "options.tooltip.mode": _only("single"),
    "options.yAxis.axisPlacement": _only("left"),
    "options.yAxis.unit": None,
}
TEXT: Final[Known] = {"options.content": None, "options.mode": _only("markdown")}
PANELS: Final[Mapping[str, Known]] = {
    "bargauge": BARS,
    "gauge": GAUGE,
    "heatmap": HEATMAP,
    "stat": STAT,
    "table": TABLE,
    "text": TEXT,
    "timeseries": TIMESERIES,
}
PROPERTIES: Final[Known] = {
    "color.mode": _only("fixed", "thresholds", "palette-classic"),
    "color.fixedColor": None,
    "custom.cellOptions.type": _only("auto", "color-text"),
    "custom.fillOpacity": None,
    "custom.lineStyle.dash[]": None,
    "custom.lineStyle.fill": _only("dash", "solid"),
    "custom.lineWidth": None,
    "custom.stacking.group": None,
    "custom.stacking.mode": _only("none", "normal"),
    "decimals": None,
    "displayName": None,
    "max": None,
    "min": None,
    "noValue": None,
    "thresholds.mode": _only("absolute"),
    "thresholds.steps[].color": None,
    "thresholds.steps[].value": None,
    "unit": None,
}
LINKS: Final[Known] = {"links[].targetBlank": OFF, "links[].title": None, "links[].url": None}
LINKED: Final = frozenset({"table", "bargauge"})
"""Panels of which a row, or a bar, leads somewhere."""
MATCHERS: Final = frozenset({"byName", "byRegexp", "byFrameRefID"})
TRANSFORMATIONS: Final = frozenset({"merge", "organize", "sortBy", "limit"})
FORMATS: Final = frozenset({"time_series", "table", "heatmap"})
PLAIN: Final = frozenset(
    {"datasource", "description", "gridPos", "id", "links", "maxDataPoints", "pluginVersion",
     "repeatDirection", "targets", "title", "transformations", "transparent", "type"}
)  # fmt: skip
"""Keys of a panel that need no entry: read elsewhere, or without a say in what is drawn."""


def strange(panel: Mapping[str, Any]) -> Iterator[str]:
    """Each thing in a panel that this viewer doesn't draw, as words for its reader."""
    if (known := PANELS.get(panel["type"])) is None:
        yield f"panels of type {panel['type']!r}"
        return
    field = panel.get("fieldConfig", {})
    inside = {key: value for key, value in panel.items() if key not in PLAIN}
    inside["fieldConfig"] = {"defaults": field.get("defaults", {})}
    yield from _unknown(inside, known)
    properties = {**PROPERTIES, **LINKS} if panel["type"] in LINKED else PROPERTIES
    yield from _of_overrides(field.get("overrides", ()), properties)
    for one in panel.get("transformations") or ():
        if one["id"] not in TRANSFORMATIONS:
            yield f"transformation {one['id']!r}"
    for one in panel.get("targets") or ():
        if one.get("format", "time_series") not in FORMATS:
            yield f"query format {one['format']!r}"


def _of_overrides(overrides: Any, properties: Known) -> Iterator[str]:
    for override in overrides:
        if override["matcher"]["id"] not in MATCHERS:
            yield f"override by {override['matcher']['id']!r}"
        for one in override["properties"]:
            yield from _unknown({one["id"]: one.get("value")}, properties)


def _unknown(found: Any, known: Known) -> Iterator[str]:
    for path, value in _leaves(found, ""):
        if path not in known:
            yield path
        elif (allowed := known[path]) is not None and value not in allowed:
            yield f"{path} {value!r}"


def _leaves(found: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(found, list):
        for value in found:
            yield from _leaves(value, f"{path}[]")
    else:
        yield path, found
