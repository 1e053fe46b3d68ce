"""Annotations: the periods in which an annotation's query has points, marked on graphs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sidelight.embedded.viewer.dashboard import AnnotationQuery
from sidelight.embedded.viewer.fields import with_labels
from sidelight.embedded.viewer.query_result import QueryResult, ResultSeries


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
