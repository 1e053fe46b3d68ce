"""What happened meanwhile: spans in which an annotation's query has points."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sidelight.embedded.viewer.board import Annotation
from sidelight.embedded.viewer.fields import PLACEHOLDER
from sidelight.embedded.viewer.prometheus import Answer, Series


@dataclass(frozen=True, slots=True)
class Mark:
    """One span: milliseconds since 1970, what to call it, and its colour."""

    since: int
    until: int
    kind: str
    text: str
    colour: str

    def plain(self) -> dict[str, Any]:
        """For the browser."""
        return asdict(self)


def spans(annotation: Annotation, answer: Answer) -> list[Mark]:
    """The spans of an annotation, the oldest first."""
    found = [mark for series in answer.series for mark in _spans(annotation, series)]
    return sorted(found, key=lambda one: (one.since, one.text))


def _spans(annotation: Annotation, series: Series) -> Iterator[Mark]:
    text = PLACEHOLDER.sub(lambda found: series.labels.get(found[1], ""), annotation.title)
    times = [t for t, v in zip(series.times, series.values, strict=True) if v]
    for since, until in _runs(times, annotation.step):
        yield Mark(
            round(since * 1000), round(until * 1000), annotation.name, text, annotation.colour
        )


def _runs(times: Sequence[float], step: float) -> Iterator[tuple[float, float]]:
    start = before = None
    for t in times:
        if start is None or before is None or t - before > step * 1.5:
            if start is not None and before is not None:
                yield start, before
            start = t
        before = t
    if start is not None and before is not None:
        yield start, before


def marks(found: Sequence[Mark]) -> list[dict[str, Any]]:
    """A series of no data that carries a line at each beginning and a faint area for its length."""
    if not found:
        return []
    lines = [{"xAxis": one.since, "lineStyle": {"color": one.colour}} for one in found]
    areas = [
        [{"xAxis": one.since, "itemStyle": {"color": one.colour}}, {"xAxis": one.until}]
        for one in found
        if one.until > one.since
    ]
    return [
        {
            "type": "line",
            "id": "marks",
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
