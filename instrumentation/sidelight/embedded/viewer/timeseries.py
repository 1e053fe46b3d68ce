"""Time series panels as ECharts' options, with the annotations that are marked on graphs.

Series with the same step share one ``dataset``: a list of times, and a list of values for each
series, so that a refresh sends each number once. Formatting and the colors of the theme are left
to static/sidelight-chart.js.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sidelight.embedded.viewer.dashboard import AnnotationQuery, Panel
from sidelight.embedded.viewer.fields import (
    PALETTE,
    FieldConfig,
    field_config,
    series_name,
    with_labels,
)
from sidelight.embedded.viewer.query_result import QueryResult, ResultSeries, TraceExemplar
from sidelight.embedded.viewer.time_range import TimeRange
from sidelight.embedded.viewer.units import axis, even, unit

MAX_SYMBOLS: Final = 24
"""A series of at most so many points shows a symbol at each point."""
GAP: Final = 1.5
"""A line is interrupted where no point follows within so many steps."""
MAX_EXEMPLARS: Final = 150
WIDTH_FACTOR: Final = 1.25
"""The colors of lines that are one pixel wide are hard to tell apart."""
Json = dict[str, Any]
Results = Sequence[tuple[QueryResult, float]]
"""The results of queries, each with its step."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One period: milliseconds since 1970, the annotation's name, a text, and a color."""

    start: int
    end: int
    name: str
    text: str
    color: str

    def to_json(self) -> dict[str, Any]:
        """The annotation for the browser."""
        return asdict(self)


def annotations(query: AnnotationQuery, result: QueryResult, step: float) -> list[Annotation]:
    """The annotations of a query that was evaluated at each ``step``, the oldest first."""
    found = [one for series in result.series for one in _of_series(query, series, step)]
    return sorted(found, key=lambda one: (one.start, one.text))


def _of_series(query: AnnotationQuery, series: ResultSeries, step: float) -> Iterator[Annotation]:
    text = with_labels(query.title, series.labels)
    times = [t for t, value in zip(series.times, series.values, strict=True) if value]
    for start, end in _periods(times, step):
        yield Annotation(round(start * 1000), round(end * 1000), query.name, text, query.color)


def _periods(times: Sequence[float], step: float) -> Iterator[tuple[float, float]]:
    """The periods without a gap. A gap is longer than one and a half steps."""
    if not times:
        return
    start = last = times[0]
    for t in times[1:]:
        if t - last > step * 1.5:
            yield start, last
            start = t
        last = t
    yield start, last


def annotation_series(found: Sequence[Annotation]) -> list[dict[str, Any]]:
    """A series without data, with a line at each start and a pale area for each period."""
    if not found:
        return []
    lines = [{"xAxis": one.start, "lineStyle": {"color": one.color}} for one in found]
    areas = [
        [{"xAxis": one.start, "itemStyle": {"color": one.color}}, {"xAxis": one.end}]
        for one in found
        if one.end > one.start
    ]
    return [
        {
            "type": "line",
            "id": "annotations",
            "name": "",
            "data": [],
            "silent": True,
            "markLine": {
                "silent": True,
                "symbol": ["none", "triangle"],
                "symbolSize": 6,
                "label": {"show": False},
                "lineStyle": {"type": [3, 3], "width": 1},
                "data": lines,
            },
            "markArea": {"silent": True, "itemStyle": {"opacity": 0.07}, "data": areas},
        }
    ]


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One series with its values at the times of its step; None at a time without a value."""

    id: str
    name: str
    color: str
    step: float
    values: list[float | None]
    field: FieldConfig
    last: float | None
    """The latest value, not rounded."""

    @property
    def stacked(self) -> bool:
        """Whether the line is stacked on the lines before it."""
        return bool(self.field.get("custom.stacking", {}).get("mode") == "normal")


def option(
    panel: Panel,
    results: Results,
    period: TimeRange,
    annotations: Sequence[Annotation] = (),
    exemplars: Sequence[TraceExemplar] = (),
) -> Json | None:
    """The options; None if no series has a value."""
    times = {step: _times(results, step) for _, step in results}
    lines = list(_lines(panel, results, times))
    if not any(value is not None for line in lines for value in line.values):
        return None
    field = field_config(panel, "")
    return {
        "dataset": [_dataset(times[step], step, lines) for step in times],
        "series": [
            *_series(lines, list(times)),
            *_exemplar_series(exemplars),
            *annotation_series(annotations),
        ],
        "xAxis": time_axis(period),
        "yAxis": _value_axis(lines, field),
        "legend": [_legend_entry(line) for line in lines],
        "unit": unit(field.unit).to_json(),
        "decimals": field.get("decimals"),
        "annotations": [one.to_json() for one in annotations],
    }


def _times(results: Results, step: float) -> list[float]:
    """The times of all series with this step, and one in each gap, where lines are interrupted."""
    alike = (result for result, its_step in results if its_step == step)
    found = sorted({t for result in alike for series in result.series for t in series.times})
    times = list[float]()
    for t, following in zip(found, [*found[1:], math.inf], strict=False):
        times.append(t)
        if GAP * step < following - t < math.inf:
            times.append(t + step)
    return times


def _dataset(times: Sequence[float], step: float, lines: Iterable[ChartLine]) -> Json:
    columns = {line.id: line.values for line in lines if line.step == step}
    return {"source": {"t": [round(t * 1000) for t in times], **columns}}


def time_axis(period: TimeRange) -> Json:
    """The axis of time, which covers the whole range."""
    return {"type": "time", "min": round(period.start * 1000), "max": round(period.end * 1000)}


def _lines(
    panel: Panel, results: Results, times: Mapping[float, Sequence[float]]
) -> Iterator[ChartLine]:
    indexes = {step: {t: at for at, t in enumerate(found)} for step, found in times.items()}
    number = palette_index = 0
    for query, (result, step) in zip(panel.queries, results, strict=True):
        for series in result.series:
            name = series_name(query.legend, series)
            field = field_config(panel, name, query.ref_id)
            color = field.fixed_color or PALETTE[palette_index % len(PALETTE)]
            name = field.get("displayName", name)
            values = _values_at(series, indexes[step])
            last = next(filter(math.isfinite, reversed(series.values)), None)
            yield ChartLine(f"s{number}", name, color, step, values, field, last)
            palette_index += not field.fixed_color
            number += 1


def _values_at(series: ResultSeries, index: dict[float, int]) -> list[float | None]:
    values: list[float | None] = [None] * len(index)
    for t, value in zip(series.times, series.values, strict=True):
        if math.isfinite(value):
            values[index[t]] = even(value, 6)
    return values


def _series(lines: Sequence[ChartLine], steps: Sequence[float]) -> Iterator[Json]:
    for line in lines:
        field = line.field
        few = len(line.values) <= MAX_SYMBOLS and not _dashes(field)
        yield {
            "type": "line",
            "id": line.id,
            "name": line.name,
            "datasetIndex": steps.index(line.step),
            "encode": {"x": "t", "y": line.id},
            "color": line.color,
            "lineStyle": {"width": field.get("custom.lineWidth", 1) * WIDTH_FACTOR}
            | _dashes(field),
            "areaStyle": {"opacity": field.get("custom.fillOpacity", 0) / 100},
            "showSymbol": few or _has_isolated_value(line.values),
            "connectNulls": field.get("custom.spanNulls", False),
            **({"stack": f"{line.step:g}"} if line.stacked else {}),
        }


def _has_isolated_value(values: Sequence[float | None]) -> bool:
    """Whether a value has no value beside it, so that a line alone does not show it."""
    padded = [None, *values, None]
    return any(
        value is not None and before is None and after is None
        for before, value, after in zip(padded, padded[1:], padded[2:], strict=False)
    )


def _dashes(field: FieldConfig) -> Json:
    style = field.get("custom.lineStyle", {})
    return {"type": style.get("dash", [8, 8])} if style.get("fill") == "dash" else {}


def _legend_entry(line: ChartLine) -> Json:
    return {
        "name": line.name,
        "color": line.color,
        "dashed": bool(_dashes(line.field)),
        "last": "" if line.last is None else line.field.format(line.last),
    }


def _value_axis(lines: Sequence[ChartLine], field: FieldConfig) -> Json:
    found = axis(_extent(lines), field.unit, field.get("min"), field.get("max"))
    return {"type": "value", "min": found.low, "max": found.high, "interval": found.step}


def _extent(lines: Sequence[ChartLine]) -> tuple[float, float]:
    """The least and the greatest value, sums of stacked lines included."""
    values = [value for line in lines for value in line.values if value is not None]
    for step in {line.step for line in lines if line.stacked}:
        stacked = (line.values for line in lines if line.stacked and line.step == step)
        values += [sum(value or 0 for value in column) for column in zip(*stacked, strict=True)]
    return min(values), max(values)


def _exemplar_series(exemplars: Sequence[TraceExemplar]) -> Iterator[Json]:
    if exemplars:
        yield {
            "type": "scatter",
            "id": "exemplars",
            "name": "exemplars",
            "data": exemplar_points(exemplars),
        }


def exemplar_points(exemplars: Sequence[TraceExemplar]) -> list[Json]:
    """Points with the labels that the tooltip shows; at most 150, those with the largest values."""
    kept = sorted(exemplars, key=lambda one: -one.value)[:MAX_EXEMPLARS]
    return [
        {"value": [round(one.time * 1000), even(one.value, 6)], "labels": dict(one.labels)}
        for one in kept
    ]
