"""Panels: one number, bars, lines over time, a heatmap, and text.

Each function takes title, description, unit and the text shown where there is no data; it sets the
data source and the legend. The text of a tile has at most `LONGEST` characters, because Grafana
makes a longer one too small to read.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import bargauge as bargauge_builder
from grafana_foundation_sdk.builders import common as common_builder
from grafana_foundation_sdk.builders import dashboard as dashboard_builder
from grafana_foundation_sdk.builders import heatmap as heatmap_builder
from grafana_foundation_sdk.builders import logs as logs_builder
from grafana_foundation_sdk.builders import loki as loki_builder
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
from dashboards.queries import DATASOURCE, LOGS, RECORDED_STEP, Query, target, targets

PanelBuilder = Builder[Panel]
"""A panel without a position."""
LIMIT: Final = "Limit"
"""Series whose legend begins with this word are drawn as a dashed line."""
NO_RULES: Final = "No traffic, or the rules are not loaded: see Telemetry health"
NO_DATA: Final = "No data"
LONGEST: Final = 24
NO_TRAFFIC: Final = "No traffic or no rules"
NO_SIDELIGHT: Final = "Requires Sidelight"
SIDELIGHT_ONLY: Final = "No data (requires Sidelight)"
NOTHING_WATCHED: Final = "Nothing is watched: pass pools, executors and clients to watch()"

Titled = TypeVar(
    "Titled",
    stat_builder.Panel,
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
    empty: str = NO_TRAFFIC,
    colours: Levels = NEUTRAL,
    name: bool = False,
) -> stat_builder.Panel:
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
    panel = stat(title, description, "short", query, empty=empty, colours=colours)
    return panel.decimals(0)


def bar_gauge(  # noqa: PLR0913 as above
    title: str, description: str, unit: str, query: Query, *, empty: str, colour: str, link: str
) -> PanelBuilder:
    """Shares from 0 to 1 below each other, each with its legend and a link to its route."""
    panel = _titled(bargauge_builder.Panel(), title, description, unit, empty, [query])
    panel.reduce_options(_newest()).thresholds(_thresholds(levels(base=colour)))
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
        if any(query.legend == name or "{{" in query.legend for query in queries):
            panel.override_by_name(name, [_colour(colour)])
    if any(query.legend.startswith(LIMIT) for query in queries):
        panel.override_by_regexp(f"^{LIMIT}.*", _limit())
    return panel.targets([*targets(queries)])


def heatmap(
    title: str, description: str, unit: str, *queries: Query, empty: str = NO_RULES
) -> PanelBuilder:
    """A heatmap of the buckets of a histogram over time, with its traces."""
    panel = _titled(heatmap_builder.Panel(), title, description, unit, empty, queries)
    panel.y_axis(heatmap_builder.YAxisConfig().unit("s").axis_placement(common.AxisPlacement.LEFT))
    panel.calculate(False).cell_values(heatmap_builder.CellValues().unit(unit))
    colour = heatmap_builder.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues")
    panel.color(colour.steps(32).reverse(False).exponent(0.5)).cell_gap(1)
    panel.filter_values(heatmap_builder.FilterValueRange().le(1e-9)).exemplars_color(WARN)
    panel.show_legend()
    return panel.targets([one.format(PromQueryFormat.HEATMAP) for one in targets(queries)])


def logs(title: str, description: str, expr: str) -> PanelBuilder:
    """The newest lines of a query of Loki."""
    panel = logs_builder.Panel().title(title).description(description).datasource(LOGS)
    panel.show_time(True).wrap_log_message(True).enable_log_details(True)
    query = loki_builder.Dataquery().ref_id("A").expr(expr).query_type("range").datasource(LOGS)
    return panel.targets([query])


def text(title: str, description: str, content: str) -> PanelBuilder:
    """Text in Markdown."""
    panel = text_builder.Panel().title(title).description(description).datasource(DATASOURCE)
    return panel.mode(TextMode.MARKDOWN).content(content)


def _titled(  # noqa: PLR0913, PLR0917 as above
    panel: Titled, title: str, description: str, unit: str, empty: str, queries: Sequence[Query]
) -> Titled:
    """A panel with what every panel has. A number of events has no decimals."""
    panel.title(title).description(description).unit(unit).no_value(empty).datasource(DATASOURCE)
    if any(query.recorded for query in queries):
        panel.interval(RECORDED_STEP)
    if unit == "short" and any("increase(" in query.expr for query in queries):
        panel.decimals(0)
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
