"""Heatmap panels: the buckets of a histogram over time, as ECharts' options."""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sidelight.embedded.viewer.dashboard import Panel
from sidelight.embedded.viewer.fields import field_config
from sidelight.embedded.viewer.query_result import QueryResult, TraceExemplar
from sidelight.embedded.viewer.time_range import TimeRange
from sidelight.embedded.viewer.timeseries import exemplar_points, time_axis
from sidelight.embedded.viewer.units import even, format_value, unit

LIGHT_SCALE: Final = (
    "#eaf2fa", "#d6e6f4", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c",
    "#08306b",
)  # fmt: skip
"""ColorBrewer's Blues (https://colorbrewer2.org), with a darker color for the least values."""
DARK_SCALE: Final = (
    "#18222d", "#17324d", "#1a4a75", "#2068a5", "#3387cc", "#5ca7e3", "#93c8f2", "#cde6fb",
)  # fmt: skip
"""The scale of the dark theme: the least values are near the color of the page."""
Json = dict[str, Any]
Cells = dict[tuple[float, int], float]
"""The values by time and index of the bucket."""


def option(
    panel: Panel,
    result: QueryResult,
    step: float,
    period: TimeRange,
    exemplars: Sequence[TraceExemplar] = (),
) -> Json | None:
    """The options; None if every bucket is empty."""
    edges, cells = native_buckets(result) or buckets(result)
    minimum = panel.options.get("filterValues", {}).get("le", -math.inf)
    cells = {key: value for key, value in cells.items() if value > minimum}
    if not cells:
        return None
    rows = [row for _, row in cells]
    axis_unit = panel.options.get("yAxis", {}).get("unit", "none")
    levels = int(panel.options.get("color", {}).get("steps", 32))
    edge_texts = [_edge_text(edge, axis_unit) for edge in edges]
    value_axis = {"type": "value", "min": max(min(rows) - 1, 0), "max": max(rows) + 1}
    return {
        "heat": {"step": round(step * 1000), "edges": edge_texts} | _legend(panel, cells, levels),
        "series": [_cell_series(cells, levels), *_exemplar_series(exemplars, edges)],
        "xAxis": time_axis(period),
        "yAxis": {**value_axis, "interval": 1},
        "unit": unit(_cell_unit(panel)).to_json(),
        "axisUnit": unit(axis_unit).to_json(),
        "legend": [],
        "annotations": [],
    }


def _cell_unit(panel: Panel) -> str:
    name: str = panel.options.get("cellValues", {}).get("unit") or field_config(panel, "").unit
    return name


def _legend(panel: Panel, cells: Cells, levels: int) -> Json:
    """The colors of the cells, and the values at both ends of the scale."""
    return {
        "lightColors": _colors(LIGHT_SCALE, levels),
        "darkColors": _colors(DARK_SCALE, levels),
        "exemplarColor": panel.options.get("exemplars", {}).get("color", "#e5a72e"),
        "gap": panel.options.get("cellGap", 1),
        "low": format_value(min(cells.values()), _cell_unit(panel)),
        "high": format_value(max(cells.values()), _cell_unit(panel)),
    }


def buckets(result: QueryResult) -> tuple[list[float], Cells]:
    """The upper edges in order, and the count of each bucket at each time.

    Prometheus's buckets are cumulative: the count of the bucket below is subtracted.
    """
    by_edge: dict[float, Mapping[float, float]] = {}
    for series in result.series:
        edge = float(series.labels.get("le", "inf").replace("+Inf", "inf"))
        by_edge[edge] = dict(zip(series.times, series.values, strict=True))
    edges = sorted(by_edge)
    cells: Cells = {}
    for t in {t for values in by_edge.values() for t in values}:
        below = 0.0
        for row, edge in enumerate(edges):
            value = by_edge[edge].get(t, below)
            if math.isfinite(value):
                cells[t, row] = max(value - below, 0.0)
                below = max(below, value)
    return edges, cells


def native_buckets(result: QueryResult) -> tuple[list[float], Cells] | None:
    """The same of native histograms, if there are some; what is between two buckets is a row."""
    found = [
        (t, bucket)
        for series in result.series
        for t, histogram in series.histograms.items()
        for bucket in histogram
    ]
    edges = sorted({max(edge, 0.0) for _, (low, high, _) in found for edge in (low, high)} - {0.0})
    cells: Cells = defaultdict(float)
    for t, (low, high, count) in found:
        rows = range(bisect_right(edges, low), bisect_left(edges, high) + 1)
        for row in rows:
            cells[t, row] += count / len(rows)
    return (edges, cells) if found else None


def _edge_text(edge: float, name: str) -> str:
    """The text of an edge on the axis, without trailing zeros."""
    number, space, suffix = format_value(edge, name).partition(" ")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + space + suffix


def _cell_series(cells: Cells, levels: int) -> Json:
    """The cells: time, row, index of the color, and value."""
    low, high = min(cells.values()), max(cells.values())

    def level(value: float) -> int:
        return levels - 1 if high <= low else round((value - low) / (high - low) * (levels - 1))

    data = [
        [round(t * 1000), row, level(value), even(value, 6)]
        for (t, row), value in sorted(cells.items())
    ]
    return {"type": "custom", "id": "cells", "name": "cells", "data": data}


def _colors(scale: Sequence[str], levels: int) -> list[str]:
    """So many colors at equal distances along a scale."""
    return [_interpolated(scale, level / max(levels - 1, 1)) for level in range(levels)]


def _interpolated(scale: Sequence[str], share: float) -> str:
    position = share * (len(scale) - 1)
    low = min(int(position), len(scale) - 2)
    parts = zip(_rgb(scale[low]), _rgb(scale[low + 1]), strict=True)
    mixed = [round(a + (b - a) * (position - low)) for a, b in parts]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _rgb(text: str) -> tuple[int, ...]:
    return tuple(int(text[at : at + 2], 16) for at in (1, 3, 5))


def _exemplar_series(exemplars: Sequence[TraceExemplar], edges: Sequence[float]) -> Iterator[Json]:
    """Exemplars as points in the rows of their buckets."""
    if not exemplars:
        return
    points = exemplar_points(exemplars)
    for point in points:
        t, value = point["value"]
        point["value"] = [t, _row_of(value, edges), value]
    yield {"type": "scatter", "id": "exemplars", "name": "exemplars", "data": points}


def _row_of(value: float, edges: Sequence[float]) -> float:
    """The position of a value on an axis of buckets: 1.5 is the middle of the second bucket."""
    for row, edge in enumerate(edges):
        if value <= edge:
            low = edges[row - 1] if row else 0.0
            width = edge - low
            return row + ((value - low) / width if 0 < width < math.inf else 0.5)
    return float(len(edges))
