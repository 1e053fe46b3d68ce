"""One evaluation of a script by the engine: the same, refused with a reason, or wrong."""

import math
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from sidelight.embedded.promql.annotations import Annotations
from sidelight.embedded.promql.ast import selected_matchers
from sidelight.embedded.promql.engine import (
    Matrix,
    Result,
    Scalar,
    String,
    Vector,
    checked_query,
    instant_query,
    range_query,
)
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.limits import QueryError
from sidelight.embedded.promql.storage import STALE_BITS
from tests.embedded.promql.answers import LabelKey, keyed
from tests.embedded.promql.conformance.expected_annotations import annotation_difference
from tests.embedded.promql.conformance.loaded_series import LoadedSeries
from tests.embedded.promql.conformance.refusals import why_refused
from tests.embedded.promql.conformance.script import Evaluation
from tests.embedded.promql.conformance.series_line import Value
from tests.embedded.promql.histogram_comparison import same_histogram
from tests.embedded.promql.series_notation import samples

EPSILON: Final = 1e-6
"""The relative difference that Prometheus's own tests allow."""
MINUTE: Final = 60_000
_OF_THE_RANGE: Final = re.compile(r"(start|end|range|step)\(\)")
"""Functions that differ between an instant query and a range query."""
Points = Mapping[tuple[LabelKey, int], Value]


class Outcome(NamedTuple):
    """``refused``: the reason, "" if it is not; ``wrong``: what is wrong, "" if nothing.

    ``by_default``: a Prometheus 3 without feature flags gives the same answer as the engine.
    """

    refused: str = ""
    wrong: str = ""
    by_default: bool = False

    @property
    def kind(self) -> str:
        """One of refused, same, as by default, and wrong."""
        if self.refused:
            return "refused"
        if self.wrong:
            return "as by default" if self.by_default else "wrong"
        return "same"


def evaluate(one: Evaluation, loaded: LoadedSeries) -> Outcome:
    """Evaluate a query as Prometheus's tests do: an instant query as a range query too."""
    try:
        refused = _refused_series(one, loaded)
        wrong = "" if refused else _difference(one, loaded)
    except QueryError as error:
        refused = why_refused(error)
        wrong = "" if refused else _failure(one, error)
    return Outcome(refused, wrong)


def _refused_series(one: Evaluation, loaded: LoadedSeries) -> str:
    selected = selected_matchers(checked_query(one.text))
    return next(filter(None, map(loaded.why_refused, selected)), "")


def _failure(one: Evaluation, error: QueryError) -> str:
    messages = one.expect.get("fail")
    if messages is None:
        return f"failed: {error.message}"
    if messages[0].matches(error.message):
        return ""
    return f"failed with {error.message!r}, expected {messages[0]}"


def _difference(one: Evaluation, loaded: LoadedSeries) -> str:
    found = Annotations()
    if one.step:
        times = one.start, one.end, one.step
        result: Result = range_query(one.text, loaded, *times, annotations=found)
    else:
        result = instant_query(one.text, loaded, one.start, annotations=found)
    if "fail" in one.expect:
        return f"expected to fail, answered {result}"
    answered = _of_result(one, result) or annotation_difference(one, found)
    return answered or _of_range(one, loaded)


def _of_result(one: Evaluation, result: Result) -> str:
    if isinstance(result, String):
        return "" if result.value == one.string else f"answered {result.value!r}"
    if isinstance(result, Scalar):
        same = one.scalar is not None and almost_equal(result.value, one.scalar)
        return "" if same else f"answered the scalar {result.value!r}"
    if one.scalar is not None:
        return f"expected the scalar {one.scalar}, answered {result}"
    actual = dict(_points(result))
    return _of_points(_expected(one), actual) or _disorder(one, actual)


def _of_points(expected: Points, actual: Points) -> str:
    wrong = [
        f"{sorted(key)} at {time}: expected {expected.get((key, time))}, "
        f"answered {actual.get((key, time))}"
        for key, time in {**expected, **actual}
        if not _same(expected.get((key, time)), actual.get((key, time)))
    ]
    return "; ".join(wrong[:3])


def _same(expected: Value, actual: Value) -> bool:
    if isinstance(expected, float) and isinstance(actual, float):
        return almost_equal(expected, actual)
    if isinstance(expected, FloatHistogram) and isinstance(actual, FloatHistogram):
        return same_histogram(expected, actual, almost_equal)
    return False


def _disorder(one: Evaluation, actual: Points) -> str:
    if "ordered" not in one.expect or list(actual) == list(_expected(one)):
        return ""
    return f"answered in the order {[sorted(key) for key, _ in actual]}"


def _expected(one: Evaluation) -> Points:
    start, _, step = one.times or (one.start, one.end, one.step)
    return {
        (keyed(series.labels), start + number * step): value
        for series in one.series
        for number, value in enumerate(series.values)
        if value is not None
    }


def _points(result: Vector | Matrix) -> Iterator[tuple[tuple[LabelKey, int], Value]]:
    for row, labels in enumerate(result.labels):
        for time, value in samples(result, row):
            yield (keyed(labels), time), value


def _of_range(one: Evaluation, loaded: LoadedSeries) -> str:
    """How the middle step of a range query differs from what the instant query gave."""
    alone = one.step or one.times or one.string is not None or "ordered" in one.expect
    if alone or _OF_THE_RANGE.search(one.text):
        return ""
    matrix = range_query(one.text, loaded, one.start - MINUTE, one.start + MINUTE, MINUTE)
    table = None if matrix.histograms is None else matrix.histograms[:, 1:2]
    middle = Matrix(
        matrix.labels, matrix.times[1:2], matrix.values[:, 1:2], matrix.present[:, 1:2], table
    )
    scalar: Points = {(keyed({}), one.start): one.scalar}
    expected = _expected(one) if one.scalar is None else scalar
    found = _of_points(expected, dict(_points(middle)))
    return f"in a range query: {found}" if found else ""


def almost_equal(a: float, b: float) -> bool:
    """Whether Prometheus's tests take two values for the same."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b) and _is_stale(a) == _is_stale(b)
    if a == b:
        return True
    whole, difference = abs(a) + abs(b), abs(a - b)
    if 0 in {a, b} or whole < sys.float_info.min:
        return difference < EPSILON * sys.float_info.min
    return difference / min(whole, sys.float_info.max) < EPSILON


def _is_stale(value: float) -> bool:
    return bool(np.float64(value).view(np.int64) == STALE_BITS)
