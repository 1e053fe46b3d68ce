"""A heatmap of a histogram's buckets over time."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sidelight.embedded.viewer.board import Panel
from sidelight.embedded.viewer.fields import field
from sidelight.embedded.viewer.prometheus import Answer, Exemplar
from sidelight.embedded.viewer.times import Range
from sidelight.embedded.viewer.timeseries import MOST_TRACES, time_axis, trace_points
from sidelight.embedded.viewer.units import shown, unit

BLUES: Final = (
    "#eaf2fa", "#d6e6f4", "#c6dbef", "#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08519c",
    "#08306b",
)  # fmt: skip
"""ColorBrewer's, few to many, with the palest made to be seen: https://colorbrewer2.org."""
NIGHT: Final = (
    "#18222d", "#17324d", "#1a4a75", "#2068a5", "#3387cc", "#5ca7e3", "#93c8f2", "#cde6fb",
)  # fmt: skip
"""The same on dark, where few is what is near the page's own colour."""
Json = dict[str, Any]
Cells = dict[tuple[float, int], float]


def option(
    panel: Panel, answer: Answer, step: float, asked: Range, traces: Sequence[Exemplar] = ()
) -> Json | None:
    """ECharts' options; None where nothing is in any bucket."""
    edges, cells = buckets(answer)
    least = panel.options.get("filterValues", {}).get("le", -math.inf)
    kept = {where: value for where, value in cells.items() if value > least}
    if not kept:
        return None
    axis_unit = panel.options.get("yAxis", {}).get("unit", "none")
    levels = int(panel.options.get("color", {}).get("steps", 32))
    top, bottom = max(kept.values()), min(kept.values())
    counted = panel.options.get("cellValues", {}).get("unit") or field(panel, "").unit
    first, last = _used(kept)
    return {
        "heat": {
            "step": round(step * 1000),
            "edges": [edge_text(edge, axis_unit) for edge in edges],
            "shades": shades(BLUES, levels),
            "night": shades(NIGHT, levels),
            "gap": panel.options.get("cellGap", 1),
            "low": shown(bottom, counted),
            "high": shown(top, counted),
            "trace": panel.options.get("exemplars", {}).get("color", "#e5a72e"),
        },
        "series": [
            {
                "type": "custom",
                "id": "cells",
                "name": "cells",
                "data": [
                    [round(t * 1000), at, _level(value, bottom, top, levels), _even(value)]
                    for (t, at), value in sorted(kept.items())
                ],
            },
            *_traces(traces, edges),
        ],
        "xAxis": time_axis(asked),
        "yAxis": {"type": "value", "min": first, "max": last + 1, "interval": 1},
        "unit": unit(counted).plain(),
        "axisUnit": unit(axis_unit).plain(),
        "legend": [],
        "marks": [],
    }


def buckets(answer: Answer) -> tuple[list[float], Cells]:
    """Upper edges in order, and what is in each bucket alone at each time.

    Prometheus's buckets count everything below their edge; what the one before has is taken off.
    """
    by_edge: dict[float, Mapping[float, float]] = {}
    for series in answer.series:
        edge = float(series.labels.get("le", "inf").replace("+Inf", "inf"))
        by_edge[edge] = dict(zip(series.times, series.values, strict=True))
    edges = sorted(by_edge)
    cells: Cells = {}
    for t in {t for values in by_edge.values() for t in values}:
        below = 0.0
        for at, edge in enumerate(edges):
            value = by_edge[edge].get(t, below)
            if math.isfinite(value):
                cells[t, at] = max(value - below, 0.0)
                below = max(below, value)
    return edges, cells


def _used(kept: Cells) -> tuple[int, int]:
    rows = [at for _, at in kept]
    return max(min(rows) - 1, 0), max(rows)


def edge_text(edge: float, name: str) -> str:
    """An edge on the axis: without zeros at its end."""
    number, space, suffix = shown(edge, name).partition(" ")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + space + suffix


def _level(value: float, bottom: float, top: float, levels: int) -> int:
    """Which shade: as many steps as there are, even between the least and the most."""
    return levels - 1 if top <= bottom else round((value - bottom) / (top - bottom) * (levels - 1))


def _even(value: float) -> float:
    return float(f"{value:.6g}")


def shades(scale: Sequence[str], levels: int) -> list[str]:
    """So many colours, even along a scale."""
    return [_mixed(scale, at / max(levels - 1, 1)) for at in range(levels)]


def _mixed(scale: Sequence[str], share: float) -> str:
    place = share * (len(scale) - 1)
    low = min(int(place), len(scale) - 2)
    parts = zip(_rgb(scale[low]), _rgb(scale[low + 1]), strict=True)
    mixed = [round(a + (b - a) * (place - low)) for a, b in parts]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _rgb(text: str) -> tuple[int, ...]:
    return tuple(int(text[at : at + 2], 16) for at in (1, 3, 5))


def _traces(traces: Sequence[Exemplar], edges: Sequence[float]) -> Iterator[Json]:
    """Traces as points within the row of their bucket."""
    if not traces:
        return
    points = trace_points(sorted(traces, key=lambda one: -one.value)[:MOST_TRACES])
    for point in points:
        t, value = point["value"]
        point["value"] = [t, within(value, edges), value]
    yield {"type": "scatter", "id": "traces", "name": "traces", "data": points}


def within(value: float, edges: Sequence[float]) -> float:
    """Where a value is on an axis whose rows are the buckets: 1.5 is the middle of the second."""
    for at, edge in enumerate(edges):
        if value <= edge:
            low = edges[at - 1] if at else 0.0
            wide = edge - low
            return at + ((value - low) / wide if 0 < wide < math.inf else 0.5)
    return float(len(edges))
