"""The data of panels: their queries are sent, and the results become what the browser draws."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sidelight.embedded.viewer import heatmap, markdown, single_value, table, timeseries
from sidelight.embedded.viewer.clients import PrometheusClient
from sidelight.embedded.viewer.dashboard import AnnotationQuery, Dashboard, Panel, PanelQuery
from sidelight.embedded.viewer.fields import field_config
from sidelight.embedded.viewer.query_result import DataSourceError, QueryResult, TraceExemplar
from sidelight.embedded.viewer.time_range import (
    DEFAULT_SCRAPE_INTERVAL,
    QueryInterval,
    TimeRange,
    query_interval,
)
from sidelight.embedded.viewer.timeseries import Annotation, annotations
from sidelight.embedded.viewer.variables import (
    DATA_SOURCE,
    PageState,
    interpolate,
    title,
)

Json = dict[str, Any]
GAP: Final = 8
"""Pixels between panels. As in Grafana, a query has at most a point for each pixel of a panel."""
NO_DATA: Final = "No data"
MAX_ANNOTATIONS: Final = 100
COLORED: Final = frozenset({"stat", "gauge", "bargauge"})
"""The types of panels whose text for no value has the first color of the thresholds."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """One refresh of a dashboard: its state, the time range, and the server.

    ``width`` is that of the page in pixels, ``scrape_interval`` that of the server in seconds.
    """

    dashboard: Dashboard
    state: PageState
    period: TimeRange
    prometheus: PrometheusClient
    width: int = 1400
    scrape_interval: float = DEFAULT_SCRAPE_INTERVAL
    annotations: "asyncio.Future[Sequence[Annotation]] | None" = field(default=None, compare=False)

    def interval(self, panel: Panel, query: PanelQuery) -> QueryInterval:
        """The interval of a query, from the width of its panel and its ``min_interval``."""
        points = max(round(self.width * panel.position.width / 24) - GAP, 100)
        own = self._shortened(query.min_interval)
        scrape = own or self.scrape_interval
        minimum = own or self._shortened(panel.min_interval) or scrape
        return query_interval(self.period.length, points, minimum, scrape)

    def _shortened(self, interval: float) -> float:
        """An interval of the dashboard, which is that of rules.

        A server that scrapes more often than by default also evaluates its rules as often.
        """
        often = self.scrape_interval < DEFAULT_SCRAPE_INTERVAL
        return min(interval, self.scrape_interval) if often else interval

    async def run(self, panel: Panel, query: PanelQuery) -> QueryResult:
        """Send a query. Raises `DataSourceError`."""
        step = self.interval(panel, query).step
        expr = self.expr(panel, query)
        if query.instant:
            return await self.prometheus.query(expr, self.period.end)
        return await self.prometheus.query_range(expr, self.period.aligned(step), step)

    def expr(self, panel: Panel, query: PanelQuery) -> str:
        """The query without variables."""
        return interpolate(query.expr, self.dashboard, self.state, self.interval(panel, query))

    async def exemplars(self, panel: Panel) -> Sequence[TraceExemplar]:
        """The exemplars of a panel; none if the server has none, or does not answer."""
        found: list[TraceExemplar] = []
        for query in panel.queries:
            if query.exemplar:
                try:
                    found += await self.prometheus.exemplars(self.expr(panel, query), self.period)
                except DataSourceError:
                    return ()  # the panel shows the error of the query itself
        return found

    @property
    def needs_options(self) -> bool:
        """Whether a query needs the options of a variable: All without an ``allValue``."""
        return any(
            not variable.all_value and "$__all" in self.state.of(variable)
            for variable in self.dashboard.query_variables
            if variable.name != DATA_SOURCE
        )


async def panel_content(refresh: Refresh, panel: Panel) -> Json:
    """What the browser draws in a panel. ``kind`` names its form; an error is a form too."""
    remarks = [f"Not drawn here: {text}" for text in panel.unsupported]
    try:
        content, warnings = await _content(refresh, panel)
    except DataSourceError as error:
        content, warnings = {"kind": "error", "text": str(error)}, ()
    name = title(panel.title, refresh.dashboard, refresh.state)
    return {**content, "title": name, "remarks": [*remarks, *warnings]}


async def _content(refresh: Refresh, panel: Panel) -> tuple[Json, Sequence[str]]:
    if panel.type == "text":
        return {"kind": "text", "html": markdown.to_html(panel.options.get("content", ""))}, ()
    if panel.type not in PANEL_TYPES:
        return {"kind": "error", "text": f"The viewer has no panels of type {panel.type!r}"}, ()
    results = await asyncio.gather(*(refresh.run(panel, query) for query in panel.queries))
    warnings = list(dict.fromkeys(text for result in results for text in result.warnings))
    content = await PANEL_TYPES[panel.type](refresh, panel, results)
    if content is None:
        color = field_config(panel, "").threshold_color(-math.inf)
        return {
            "kind": "empty",
            "text": panel.field_defaults.get("noValue", NO_DATA),
            "color": color if panel.type in COLORED else "",
        }, warnings
    return content, warnings


async def _timeseries(
    refresh: Refresh, panel: Panel, results: Sequence[QueryResult]
) -> Json | None:
    exemplars = await refresh.exemplars(panel)
    marked = await refresh.annotations if refresh.annotations else ()
    with_steps = [
        (result, refresh.interval(panel, query).step)
        for query, result in zip(panel.queries, results, strict=True)
    ]
    option = timeseries.option(panel, with_steps, refresh.period, marked, exemplars)
    return option and {"kind": "chart", "option": option}


async def _heatmap(refresh: Refresh, panel: Panel, results: Sequence[QueryResult]) -> Json | None:
    exemplars = await refresh.exemplars(panel)
    query, result = next(
        (query, result)
        for query, result in zip(panel.queries, results, strict=True)
        if not query.exemplar
    )
    step = refresh.interval(panel, query).step
    option = heatmap.option(panel, result, step, refresh.period, exemplars)
    return option and {"kind": "chart", "option": option}


async def _table(refresh: Refresh, panel: Panel, results: Sequence[QueryResult]) -> Json | None:
    content = table.content(panel, results, refresh.state)
    return content and {"kind": "table", **content}


async def _stat(_: Refresh, panel: Panel, results: Sequence[QueryResult]) -> Json | None:
    values = single_value.stat(panel, results)
    return {"kind": "stat", "values": values} if values else None


async def _bar_gauge(refresh: Refresh, panel: Panel, results: Sequence[QueryResult]) -> Json | None:
    bars = single_value.bar_gauge(panel, results, refresh.state)
    return {"kind": "bars", "bars": bars} if bars else None


async def _gauge(_: Refresh, panel: Panel, results: Sequence[QueryResult]) -> Json | None:
    option = single_value.gauge(panel, results)
    return option and {"kind": "chart", "option": option}


PANEL_TYPES: Final = {
    "bargauge": _bar_gauge,
    "gauge": _gauge,
    "heatmap": _heatmap,
    "stat": _stat,
    "table": _table,
    "timeseries": _timeseries,
}


async def dashboard_annotations(refresh: Refresh) -> Sequence[Annotation]:
    """The annotations of a dashboard. A query that fails has none: panels show their own errors."""

    async def of(query: AnnotationQuery) -> list[Annotation]:
        scrape = refresh.scrape_interval
        length, width = refresh.period.length, refresh.width
        interval = query_interval(length, width, query.min_interval, scrape)
        step = interval.step
        expr = interpolate(query.expr, refresh.dashboard, refresh.state, interval)
        try:
            result = await refresh.prometheus.query_range(expr, refresh.period.aligned(step), step)
        except DataSourceError:
            return []
        return annotations(query, result, step)

    found = await asyncio.gather(*map(of, refresh.dashboard.annotations))
    return [annotation for one in found for annotation in one][:MAX_ANNOTATIONS]
