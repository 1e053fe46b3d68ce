"""Answers of the engine, in the form of Prometheus's answers."""

import json
from collections.abc import Iterator

from sidelight.embedded.api.histograms import histogram_json
from sidelight.embedded.promql.annotations import Annotations, limited
from sidelight.embedded.promql.engine import (
    Matrix,
    Result,
    Scalar,
    String,
    Vector,
    instant_query,
    range_query,
)
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.limits import QueryError
from sidelight.embedded.promql.storage import Source
from tests.embedded.promql.answers import Answer, LabelKey, Value, keyed, once, value_of_json
from tests.embedded.promql.series_notation import samples

REFUSED = "is not supported here"
"""A part of the message for what Prometheus supports and the engine does not."""


def ask(text: str, source: Source, at: int) -> Answer:
    """Answer an instant query at a time in milliseconds."""
    found = Annotations()
    try:
        return _annotated(
            of_result(instant_query(text, source, at, annotations=found)), found, text
        )
    except QueryError as error:
        return Answer(error=error.kind, message=error.message)


def ask_range(text: str, source: Source, start: int, end: int, step: int) -> Answer:
    """Answer a range query; times are in milliseconds."""
    found, times = Annotations(), (start, end, step)
    try:
        result = range_query(text, source, *times, annotations=found)
        return _annotated(of_result(result), found, text)
    except QueryError as error:
        return Answer(error=error.kind, message=error.message)


def _annotated(answer: Answer, found: Annotations, text: str) -> Answer:
    infos, warnings = limited(found.infos(text), "info"), limited(found.warnings(text), "warning")
    return answer._replace(annotations=frozenset((*infos, *warnings)))


def of_result(result: Result) -> Answer:
    """Convert a result of the engine."""
    if isinstance(result, String):
        return Answer(kind="string", message=result.value)
    if isinstance(result, Scalar):
        return Answer(kind="scalar", points={(keyed({}), result.time): result.value})
    kind = "matrix" if isinstance(result, Matrix) else "vector"
    return Answer(kind=kind, points=once(_points(result)))


def _points(result: Vector | Matrix) -> Iterator[tuple[tuple[LabelKey, int], Value]]:
    for row, labels in enumerate(result.labels):
        found = list(samples(result, row))
        assert found, f"a series without a point: {labels}"
        for time, value in found:
            yield (keyed(labels), time), _value(value)


def _value(value: float | FloatHistogram) -> Value:
    return value if isinstance(value, float) else value_of_json(json.loads(histogram_json(value)))
