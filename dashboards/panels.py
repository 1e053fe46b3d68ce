"""Panels: one number, a gauge, bars, lines over time, a heatmap, and text.

Each function takes title, description, unit and the text shown where there is no data; it sets the
data source, the legend and the smallest step.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import bargauge as bargauge_builder
from grafana_foundation_sdk.builders import common as common_builder
from grafana_foundation_sdk.builders import dashboard as dashboard_builder
from grafana_foundation_sdk.builders import gauge as gauge_builder
from grafana_foundation_sdk.builders import heatmap as heatmap_builder
from grafana_foundation_sdk.builders import stat as stat_builder
from grafana_foundation_sdk.builders import text as text_builder
from grafana_foundation_sdk.builders import timeseries as timeseries_builder
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from dashboards.colours import BAD, GOOD, NEUTRAL, WARN, Levels, levels
from dashboards.queries import DATASOURCE, Query, step, target, targets

PanelBuilder = Builder[Panel]
"""A panel without a position."""
LIMIT: Final = "Limit"
"""Series whose legend begins with this word are drawn as a dashed line."""
NO_RULES: Final = "No traffic, or the rules are not loaded: see Telemetry health"
NO_DATA: Final = "No data"
SIDELIGHT_ONLY: Final = "No data (requires Sidelight)"
NOTHING_WATCHED: Final = "Nothing is watched: pass pools, executors and clients to watch()"

Titled = TypeVar(
    "Titled",
    stat_builder.Panel,
    gauge_builder.Panel,
    bargauge_builder.Panel,
    timeseries_builder.Panel,
    heatmap_builder.Panel,
)


def stat(  # noqa: PLR0913 a panel has this many texts and options
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    empty: str = NO_RULES,
    colours: Levels = NEUTRAL,
    name: bool = False,
) -> PanelBuilder:
    """The newest value of a query; with ``name``, the legend of its series instead."""
    panel = _titled(stat_builder.Panel(), title, description, unit, empty, [query])
    panel.reduce_options(_newest()).graph_mode(common.BigValueGraphMode.NONE)
    panel.color_mode(common.BigValueColorMode.VALUE).thresholds(_thresholds(colours))
    panel.text_mode(common.BigValueTextMode.NAME if name else common.BigValueTextMode.VALUE)
    return panel.targets([target(query, "A").instant()])


def count_stat(
    title: str,
    description: str,
    query: Query,
    *thresholds: tuple[float, str],
    empty: str = "None",
    base: str = GOOD,
) -> PanelBuilder:
    """A number of things; if there are thresholds, a colour applies from each of them on."""
    colours = levels(*thresholds, base=base) if thresholds else NEUTRAL
    return stat(title, description, "short", query, empty=empty, colours=colours)


def gauge(  # noqa: PLR0913 as above
    title: str, description: str, unit: str, query: Query, *, empty: str, colours: Levels
) -> PanelBuilder:
    """A gauge from 0 to 1; a value below 0 is an empty gauge in the lowest colour."""
    panel = _titled(gauge_builder.Panel(), title, description, unit, empty, [query])
    panel.reduce_options(_newest()).thresholds(_thresholds(colours))
    panel.min(0).max(1).show_threshold_markers(True).show_threshold_labels(False)
    return panel.targets([target(query, "A").instant()])


def bar_gauge(  # noqa: PLR0913 as above
    title: str, description: str, unit: str, query: Query, *, empty: str, colour: str, link: str
) -> PanelBuilder:
    """Shares from 0 to 1 below each other, each with its legend and a link to its route."""
    panel = _titled(bargauge_builder.Panel(), title, description, unit, empty, [query])
    panel.reduce_options(_newest()).thresholds(_thresholds(((None, colour),)))
    panel.orientation(common.VizOrientation.HORIZONTAL)
    panel.display_mode(common.BarGaugeDisplayMode.BASIC)
    panel.value_mode(common.BarGaugeValueMode.TEXT).show_unfilled(True).min(0).max(1)
    one = {"title": "Open route", "url": link, "targetBlank": False}
    panel.override_by_regexp(".*", [DynamicConfigValue("links", [one])])
    return panel.targets([target(query, "A").instant()])


def time_series(  # noqa: PLR0913 as above
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    empty: str = NO_RULES,
    colours: Mapping[str, str] | None = None,
    stacked: bool = False,
    centred: bool = False,
) -> PanelBuilder:
    """Lines over time; ``stacked`` for parts of a whole, ``centred`` for values below 0."""
    panel = _titled(timeseries_builder.Panel(), title, description, unit, empty, queries)
    panel.legend(_legend()).tooltip(_tooltip())
    panel.line_width(1).fill_opacity(60 if stacked else 8)
    panel.show_points(common.VisibilityMode.AUTO).span_nulls(False)
    if not centred:
        panel.min(0)
    if stacked:
        panel.stacking(common_builder.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_colour(colour)])
    panel.override_by_regexp(f"^{LIMIT}.*", _limit())
    return panel.targets([*targets(queries)])


def heatmap(title: str, description: str, *queries: Query, empty: str = NO_RULES) -> PanelBuilder:
    """A heatmap of the buckets of a histogram over time, with its traces."""
    panel = _titled(heatmap_builder.Panel(), title, description, "reqps", empty, queries)
    panel.y_axis(heatmap_builder.YAxisConfig().unit("s").axis_placement(common.AxisPlacement.LEFT))
    panel.calculate(False).cell_values(heatmap_builder.CellValues().unit("reqps"))
    colour = heatmap_builder.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues")
    panel.color(colour.steps(32).reverse(False).exponent(0.5)).cell_gap(1)
    panel.filter_values(heatmap_builder.FilterValueRange().le(1e-9)).exemplars_color(WARN)
    panel.show_legend()
    return panel.targets([one.format(PromQueryFormat.HEATMAP) for one in targets(queries)])


def text(title: str, description: str, content: str) -> PanelBuilder:
    """Text in Markdown."""
    panel = text_builder.Panel().title(title).description(description).datasource(DATASOURCE)
    return panel.mode(TextMode.MARKDOWN).content(content)


def _titled(  # noqa: PLR0913, PLR0917 as above
    panel: Titled, title: str, description: str, unit: str, empty: str, queries: Sequence[Query]
) -> Titled:
    """A panel with what every panel has."""
    panel.title(title).description(description).unit(unit).no_value(empty)
    panel.datasource(DATASOURCE).interval(step(queries))
    return panel


def _newest() -> common_builder.ReduceDataOptions:
    """The last value of each series."""
    return common_builder.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def _thresholds(colours: Levels) -> dashboard_builder.ThresholdsConfig:
    made = [Threshold(value=at, color=colour) for at, colour in colours]
    return dashboard_builder.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)


def _legend() -> common_builder.VizLegendOptions:
    made = common_builder.VizLegendOptions().show_legend(True)
    made.display_mode(common.LegendDisplayMode.LIST)
    return made.placement(common.LegendPlacement.BOTTOM)


def _tooltip() -> common_builder.VizTooltipOptions:
    made = common_builder.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    return made.sort(common.SortOrder.DESCENDING)


def _limit() -> list[DynamicConfigValue]:
    return [
        _colour(BAD),
        DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
        DynamicConfigValue("custom.fillOpacity", 0),
        DynamicConfigValue("custom.stacking", {"mode": "none", "group": "A"}),
    ]


def _colour(colour: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": FieldColorModeId.FIXED, "fixedColor": colour})
