"""What of a panel's JSON the viewer draws. Anything else is named on the panel.

A key is a path in the panel's JSON, in which ``[]`` stands for the members of a list. Its value
is the set of the values that the viewer draws as Grafana does, or None if it draws every value.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Supported = Mapping[str, frozenset[object] | None]
ON: Final = frozenset({True})
OFF: Final = frozenset({False})
EITHER: Final = ON | OFF


def _only(*values: object) -> frozenset[object]:
    return frozenset(values)


FIELD: Final[Supported] = {
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
SINGLE_VALUE: Final[Supported] = {
    "options.orientation": _only("auto", "horizontal", "vertical"),
    "options.reduceOptions.calcs[]": _only(
        "lastNotNull", "last", "firstNotNull", "first", "min", "max", "mean", "sum", "count"
    ),
    "options.reduceOptions.fields": _only(""),
    "options.reduceOptions.values": OFF,
}
TIMESERIES: Final[Supported] = {
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
STAT: Final[Supported] = {
    **FIELD,
    **SINGLE_VALUE,
    "options.colorMode": _only("value", "none"),
    "options.graphMode": _only("none"),
    "options.justifyMode": _only("auto", "center"),
    "options.percentChangeColorMode": None,  # applies to the percent change, which is off
    "options.showPercentChange": OFF,
    "options.textMode": _only("value", "name", "auto", "value_and_name"),
    "options.wideLayout": ON,
}
GAUGE: Final[Supported] = {
    **FIELD,
    **SINGLE_VALUE,
    "options.minVizHeight": None,  # the viewer has sizes of its own
    "options.minVizWidth": None,  # as above
    "options.showThresholdLabels": OFF,
    "options.showThresholdMarkers": EITHER,
    "options.sizing": _only("auto"),
}
BAR_GAUGE: Final[Supported] = {
    **FIELD,
    **SINGLE_VALUE,
    "options.displayMode": _only("basic", "gradient"),
    "options.maxVizHeight": None,  # the viewer has sizes of its own
    "options.minVizHeight": None,  # as above
    "options.minVizWidth": None,  # as above
    "options.namePlacement": _only("auto", "left"),
    "options.showUnfilled": ON,
    "options.sizing": _only("auto"),
    "options.legend.calcs[]": None,  # applies to the legend, which is off
    "options.legend.displayMode": None,  # as above
    "options.legend.placement": None,  # as above
    "options.legend.showLegend": OFF,
    "options.valueMode": _only("color", "text"),
}
TABLE: Final[Supported] = {
    **FIELD,
    "fieldConfig.defaults.custom.align": _only("auto"),
    "fieldConfig.defaults.custom.cellOptions.type": _only("auto"),
    "fieldConfig.defaults.custom.filterable": None,  # a filter changes nothing until it is used
    "fieldConfig.defaults.custom.inspect": OFF,
    "fieldConfig.defaults.custom.minWidth": None,  # a column is as wide as its widest cell
    "options.cellHeight": _only("sm"),
    "options.footer.countRows": None,  # applies to the footer, which is off
    "options.footer.show": OFF,
    "options.frameIndex": _only(0),
    "options.showHeader": ON,
    "options.showTypeIcons": OFF,
    "options.sortBy[].desc": None,
    "options.sortBy[].displayName": None,
}
HEATMAP: Final[Supported] = {
    **FIELD,
    "options.calculate": OFF,
    "options.cellGap": None,
    "options.cellValues.unit": None,
    "options.color.exponent": None,  # applies to the mode "opacity" only
    "options.color.fill": None,  # as above
    "options.color.mode": _only("scheme"),
    "options.color.reverse": OFF,
    "options.color.scheme": _only("Blues"),
    "options.color.steps": None,
    "options.exemplars.color": None,
    "options.filterValues.le": None,
    "options.legend.show": EITHER,
    "options.selectionMode": None,  # what dragging does
    "options.showValue": _only("auto", "never"),
    "options.tooltip.mode": _only("single"),
    "options.yAxis.axisPlacement": _only("left"),
    "options.yAxis.unit": None,
}
TEXT: Final[Supported] = {"options.content": None, "options.mode": _only("markdown")}
PANELS: Final[Mapping[str, Supported]] = {
    "bargauge": BAR_GAUGE,
    "gauge": GAUGE,
    "heatmap": HEATMAP,
    "stat": STAT,
    "table": TABLE,
    "text": TEXT,
    "timeseries": TIMESERIES,
}
PROPERTIES: Final[Supported] = {
    "color.mode": _only("fixed", "thresholds", "palette-classic"),
    "color.fixedColor": None,
    "custom.cellOptions.type": _only("auto", "color-text"),
    "custom.fillOpacity": None,
    "custom.lineStyle.dash[]": None,
    "custom.lineStyle.fill": _only("dash", "solid"),
    "custom.lineWidth": None,
    "custom.stacking.group": None,
    "custom.stacking.mode": _only("none", "normal"),
    "custom.hidden": EITHER,
    "custom.hideFrom.legend": None,  # a table has none
    "custom.hideFrom.tooltip": None,  # as above
    "custom.hideFrom.viz": EITHER,
    "custom.width": None,  # as of minWidth
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
LINKS: Final[Supported] = {"links[].targetBlank": OFF, "links[].title": None, "links[].url": None}
WITH_LINKS: Final = frozenset({"table", "bargauge"})
"""The types of panels of which a row or a bar can be a link."""
MATCHERS: Final = frozenset({"byName", "byRegexp", "byFrameRefID"})
TRANSFORMATIONS: Final = frozenset({"merge", "organize", "sortBy", "limit"})
FORMATS: Final = frozenset({"time_series", "table", "heatmap"})
IGNORED: Final = frozenset(
    {"datasource", "description", "gridPos", "id", "links", "maxDataPoints", "pluginVersion",
     "repeatDirection", "targets", "title", "transformations", "transparent", "type"}
)  # fmt: skip
"""Keys of a panel that are read elsewhere, or that do not change how the panel is drawn."""


def unsupported(panel: Mapping[str, Any]) -> Iterator[str]:
    """Name each thing in a panel's JSON that the viewer does not draw."""
    if (supported := PANELS.get(panel["type"])) is None:
        yield f"panels of type {panel['type']!r}"
        return
    field_config = panel.get("fieldConfig", {})
    model = {key: value for key, value in panel.items() if key not in IGNORED}
    model["fieldConfig"] = {"defaults": field_config.get("defaults", {})}
    yield from _missing(model, supported)
    properties = {**PROPERTIES, **LINKS} if panel["type"] in WITH_LINKS else PROPERTIES
    yield from _in_overrides(field_config.get("overrides", ()), properties)
    for one in panel.get("transformations") or ():
        if one["id"] not in TRANSFORMATIONS:
            yield f"transformation {one['id']!r}"
    for one in panel.get("targets") or ():
        if one.get("format", "time_series") not in FORMATS:
            yield f"query format {one['format']!r}"


def _in_overrides(overrides: Any, properties: Supported) -> Iterator[str]:
    for override in overrides:
        if override["matcher"]["id"] not in MATCHERS:
            yield f"override by {override['matcher']['id']!r}"
        for one in override["properties"]:
            yield from _missing({one["id"]: one.get("value")}, properties)


def _missing(model: Any, supported: Supported) -> Iterator[str]:
    for path, value in _leaves(model, ""):
        if path not in supported:
            yield path
        elif (values := supported[path]) is not None and value not in values:
            yield f"{path} {value!r}"


def _leaves(model: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(model, dict):
        for key, value in model.items():
            yield from _leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(model, list):
        for value in model:
            yield from _leaves(value, f"{path}[]")
    else:
        yield path, model
