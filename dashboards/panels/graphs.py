"""Lines over time, and how durations are spread over time."""

from collections.abc import Mapping, Sequence
from typing import Final

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import heatmap, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, FieldColorModeId
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.panels import colours as meant
from dashboards.panels.queries import DATASOURCE, Query, Shown, step, targets
from dashboards.panels.silence import NO_RULES

LIMIT: Final = "Limit"
"""Series whose names begin so are drawn as a dashed line."""


def graph(  # noqa: PLR0913 what a panel says of itself is what this vocabulary is there to ask for
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    empty: str = NO_RULES,
    colours: Mapping[str, str] | None = None,
    stacked: bool = False,
    centred: bool = False,
) -> Shown:
    """Lines over time. ``stacked`` is for parts of a whole, ``centred`` for what may be below 0."""
    panel = timeseries.Panel().title(title).description(description).unit(unit).no_value(empty)
    panel.datasource(DATASOURCE).interval(step(queries)).legend(_legend()).tooltip(_tooltip())
    panel.line_width(1).fill_opacity(60 if stacked else 8)
    panel.show_points(common.VisibilityMode.AUTO)
    panel.span_nulls(False)
    if not centred:
        panel.min(0)
    if stacked:
        panel.stacking(build.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_colour(colour)])
    panel.override_by_regexp(f"^{LIMIT}.*", _limit())
    return panel.targets([*targets(queries)])


def density(title: str, description: str, *queries: Query, empty: str) -> Shown:
    """How durations are spread, over time: buckets of a histogram, and their traces."""
    panel = heatmap.Panel().title(title).description(description).unit("reqps").no_value(empty)
    panel.datasource(DATASOURCE).interval(step(queries)).calculate(False)
    panel.y_axis(heatmap.YAxisConfig().unit("s").axis_placement(common.AxisPlacement.LEFT))
    panel.cell_values(heatmap.CellValues().unit("reqps"))
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues")
    panel.color(colour.steps(32).reverse(False).exponent(0.5)).cell_gap(1)
    panel.filter_values(heatmap.FilterValueRange().le(1e-9)).exemplars_color(meant.WARN)
    panel.show_legend()
    return panel.targets([one.format(PromQueryFormat.HEATMAP) for one in targets(queries)])


def _legend() -> build.VizLegendOptions:
    made = build.VizLegendOptions().show_legend(True)
    made.display_mode(common.LegendDisplayMode.LIST)
    return made.placement(common.LegendPlacement.BOTTOM)


def _tooltip() -> build.VizTooltipOptions:
    made = build.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    return made.sort(common.SortOrder.DESCENDING)


def _limit() -> list[DynamicConfigValue]:
    return [
        _colour(meant.BAD),
        DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
        DynamicConfigValue("custom.fillOpacity", 0),
        DynamicConfigValue("custom.stacking", {"mode": "none", "group": "A"}),
    ]


def _colour(colour: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": FieldColorModeId.FIXED, "fixedColor": colour})
