"""Our own words for panels.

Each asks for what a reader needs: title, description, unit, and what to say where there is
nothing; each sets the data source, legends and the least step itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import common as build_common
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

DATASOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
RAW_STEP: Final = "15s"
RECORDED_STEP: Final = "1m"
"""Rules are evaluated that often; a finer step would draw stairs."""

NO_TRAFFIC: Final = "No traffic"
NO_RULES: Final = "No traffic, or rules not loaded: see Telemetry health"
ONLY_SIDELIGHT: Final = "Not reported. Needs Sidelight: see Telemetry health"
NOTHING_WATCHED: Final = "Nothing watched: name pools, executors and clients with watch()"
NONE_SO_FAR: Final = "None so far"

BAD: Final = "#d1413a"
WARN: Final = "#e5a72e"
GOOD: Final = "#4a9d5b"
REFUSED: Final = "#8a7fc4"
MOVED: Final = "#5b8dc9"
PLAIN: Final = "#7d8794"
CLASSES: Final = {"1xx": PLAIN, "2xx": GOOD, "3xx": MOVED, "4xx": REFUSED, "5xx": BAD}
"""By meaning: what a client did wrong is no error of the service, so 4xx is neither red nor
yellow."""
QUANTILES: Final = {"p50": "#9cc3e8", "p95": "#4f8ac9", "p99": "#264f86"}
LIMIT: Final = "Limit"
"""Series whose names begin so are drawn as a dashed line."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query: what is asked, and what its series are called."""

    expr: str
    legend: str
    recorded: bool = False
    exemplar: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One query of a table: the number each row gets."""

    expr: str
    name: str
    unit: str
    steps: tuple[tuple[float | None, str], ...] = ()
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A label that names a table's rows, and where a click on it leads."""

    label: str
    name: str
    link: str = ""


def graph(  # noqa: PLR0913 what a panel says of itself is what this vocabulary is there to ask for
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    empty: str = NO_TRAFFIC,
    colours: Mapping[str, str] | None = None,
    stacked: bool = False,
    most: float | None = None,
    centred: bool = False,
) -> Builder[Panel]:
    """Lines over time. ``stacked`` is for parts of a whole."""
    legend = build_common.VizLegendOptions().show_legend(True)
    legend.display_mode(common.LegendDisplayMode.LIST)
    legend.placement(common.LegendPlacement.BOTTOM)
    tooltip = build_common.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    tooltip.sort(common.SortOrder.DESCENDING)
    panel = timeseries.Panel().title(title).description(description).unit(unit).no_value(empty)
    panel.datasource(DATASOURCE).interval(_step(queries)).legend(legend).tooltip(tooltip)
    panel.line_width(1).fill_opacity(60 if stacked else 8)
    panel.show_points(common.VisibilityMode.AUTO)
    panel.span_nulls(False)
    if not centred:
        panel.min(0)
    if most is not None:
        panel.max(most)
    if stacked:
        mode = build_common.StackingConfig().mode(common.StackingMode.NORMAL).group("A")
        panel.stacking(mode)
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [_colour(colour)])
    panel.override_by_regexp(
        f"^{LIMIT}.*",
        [
            _colour(BAD),
            DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
            DynamicConfigValue("custom.fillOpacity", 0),
            DynamicConfigValue("custom.stacking", {"mode": "none", "group": "A"}),
        ],
    )
    return panel.targets(_targets(queries))


def figure(  # noqa: PLR0913 as above
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    empty: str = NO_TRAFFIC,
    steps: Sequence[tuple[float | None, str]] = ((None, PLAIN),),
    words: bool = False,
) -> Builder[Panel]:
    """One number, the newest; with ``words`` the name of its series instead."""
    reduce = build_common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    panel = stat.Panel().title(title).description(description).unit(unit).no_value(empty)
    panel.datasource(DATASOURCE).interval(_step([query])).reduce_options(reduce)
    panel.graph_mode(common.BigValueGraphMode.NONE)
    panel.color_mode(common.BigValueColorMode.VALUE)
    panel.text_mode(common.BigValueTextMode.NAME if words else common.BigValueTextMode.VALUE)
    panel.thresholds(_thresholds(steps))
    return panel.targets([_target(query, "A").instant()])


def rows(  # noqa: PLR0913 as above
    title: str,
    description: str,
    keys: Sequence[Key],
    columns: Sequence[Column],
    *,
    sort: str,
    empty: str = NO_TRAFFIC,
    descending: bool = True,
) -> Builder[Panel]:
    """A table: one row for each set of keys, one column for each query, as it is now."""
    panel = table.Panel().title(title).description(description).no_value(empty)
    panel.datasource(DATASOURCE).interval(RECORDED_STEP).unit(columns[0].unit)
    by = build_common.TableSortByFieldState().display_name(sort).desc(descending)
    panel.sort_by([by]).show_header(True).cell_height(common.TableCellHeight.SM).filterable(True)
    letters = [chr(ord("A") + index) for index in range(len(columns))]
    panel.targets(
        [
            _target(Query(column.expr, column.name), letter).instant().format(PromQueryFormat.TABLE)
            for letter, column in zip(letters, columns, strict=True)
        ]
    )
    values = {
        f"Value #{letter}": column.name for letter, column in zip(letters, columns, strict=True)
    }
    if len(columns) == 1:
        values["Value"] = columns[0].name  # that is what a single query's column is called
    names = {key.label: key.name for key in keys} | values
    order = {name: place for place, name in enumerate(names)}
    panel.with_transformation(DataTransformerConfig("merge", options={}))
    panel.with_transformation(
        DataTransformerConfig(
            "organize",
            options={
                "excludeByName": {"Time": True},
                "indexByName": order,
                "renameByName": names,
            },
        )
    )
    for key in keys:
        if key.link:
            link = {"title": f"Open {key.name.lower()}", "url": key.link, "targetBlank": False}
            panel.override_by_name(key.name, [DynamicConfigValue("links", [link])])
    for column in columns:
        panel.override_by_name(column.name, list(_column(column)))
    return panel


def density(
    title: str, description: str, query: Query, *, empty: str = NO_TRAFFIC
) -> Builder[Panel]:
    """How durations are spread, over time: buckets of a histogram."""
    panel = heatmap.Panel().title(title).description(description).unit("reqps").no_value(empty)
    panel.datasource(DATASOURCE).interval(_step([query])).calculate(False)
    panel.y_axis(heatmap.YAxisConfig().unit("s").axis_placement(common.AxisPlacement.LEFT))
    panel.cell_values(heatmap.CellValues().unit("reqps"))
    colour = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Blues")
    panel.color(colour.steps(32).reverse(False).exponent(0.5)).cell_gap(1)
    panel.filter_values(heatmap.FilterValueRange().le(1e-9)).exemplars_color(WARN)
    panel.show_legend()
    targets = [_target(query, "A").range().format(PromQueryFormat.HEATMAP)]
    return panel.targets([*targets])


def note(title: str, description: str, content: str) -> Builder[Panel]:
    """Words: what is missing, and where to look."""
    panel = text.Panel().title(title).description(description).datasource(DATASOURCE)
    return panel.mode(TextMode.MARKDOWN).content(content)


def steps(*pairs: tuple[float, str], base: str = GOOD) -> tuple[tuple[float | None, str], ...]:
    """From which value on which colour."""
    return (None, base), *pairs


def link(title: str, uid: str) -> build.DashboardLink:
    """A link to another of these dashboards that keeps time and variables."""
    one = build.DashboardLink(title).type(DashboardLinkType.LINK).icon("dashboard").tags([])
    return one.url(f"/d/{uid}").include_vars(True).keep_time(True).as_dropdown(False).tooltip("")


def _column(column: Column) -> list[DynamicConfigValue]:
    found = [DynamicConfigValue("unit", column.unit)]
    if column.decimals is not None:
        found.append(DynamicConfigValue("decimals", column.decimals))
    if column.steps:
        levels: list[dict[str, Any]] = [{"value": at, "color": c} for at, c in column.steps]
        found += [
            DynamicConfigValue("thresholds", {"mode": "absolute", "steps": levels}),
            DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        ]
    return found


def _thresholds(levels: Sequence[tuple[float | None, str]]) -> build.ThresholdsConfig:
    made = [Threshold(value=at, color=colour) for at, colour in levels]
    return build.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)


def _colour(colour: str) -> DynamicConfigValue:
    return DynamicConfigValue("color", {"mode": FieldColorModeId.FIXED, "fixedColor": colour})


def _step(queries: Sequence[Query]) -> str:
    return RECORDED_STEP if any(query.recorded for query in queries) else RAW_STEP


def _targets(queries: Sequence[Query]) -> list[Builder[Any]]:
    return [_target(query, chr(ord("A") + place)).range() for place, query in enumerate(queries)]


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    made = prometheus.Dataquery().ref_id(letter).expr(query.expr).legend_format(query.legend)
    made.datasource(DATASOURCE).exemplar(query.exemplar)
    return made.interval(RECORDED_STEP if query.recorded else RAW_STEP)
