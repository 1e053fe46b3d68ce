"""The limits of one query."""

import gc
import re
import time
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from sidelight.embedded.promql.engine import instant_query, range_query
from sidelight.embedded.promql.frame import LabelSets
from sidelight.embedded.promql.limits import QueryError, QueryLimits
from sidelight.embedded.promql.storage import LabelMatcher, SampleBlock
from tests.embedded.promql.sample_blocks import matched
from tests.embedded.promql.series_notation import WrittenSeries, instant

TOO_MANY = "query processing would load too many samples into memory in query execution"
LATE = "query timed out in expression evaluation"


class Big:
    """A source of 2,000 series with 720 samples each."""

    labels = tuple(
        {"__name__": "x", "group": str(number % 20), "number": str(number), "of": "all"}
        for number in range(2000)
    )
    times = np.arange(720, dtype=np.int64) * 5000
    values = np.random.default_rng(0).normal(0, 1, (2000, 720))

    def select(self, matchers: Sequence[LabelMatcher], after: int, until: int) -> list[SampleBlock]:
        rows = matched(matchers, self.labels)
        low, high = np.searchsorted(self.times, (after, until), side="right")
        chosen = [self.labels[row] for row in rows]
        return [SampleBlock(chosen, self.times[low:high], self.values[rows, low:high])]


END = 3_600_000
SMALL = QueryLimits(seconds=60.0, samples=1_000_000)


@pytest.mark.parametrize(
    "text",
    [
        "x[1h]",
        "sum(rate(x[1h]))",
        "max_over_time(vector(1)[1y:1ms])",
        'max_over_time(x{group="1"}[1h:100ms])',
        'x{number="1"} * on(of) group_right() max_over_time(x[1h:1s])',
    ],
)
def test_samples_are_counted_before_they_are_made(text: str) -> None:
    """A query with too many samples is refused long before its time is up, as in Prometheus."""
    begin = time.monotonic()
    with pytest.raises(QueryError) as caught:
        instant_query(text, Big(), END, SMALL)
    assert (caught.value.kind, caught.value.message) == ("execution", TOO_MANY)
    assert time.monotonic() - begin < SMALL.seconds / 2


DEEP = 20


def _nested(before: str, inner: str, after: str) -> str:
    """Return a deeply nested expression over 40,000 steps."""
    return f"count_over_time({before * DEEP}{inner}{after * DEEP}[40000s:1s])"


@pytest.mark.parametrize(
    "text",
    [
        _nested("vector(1 + scalar(", "vector(1)", "))"),
        _nested("(vector(1) + ", "vector(1)", ")"),
        _nested("(hour() + ", "hour()", ")"),
        _nested("(vector(1) or ", "vector(1)", ")"),
        _nested("vector(scalar(vector(1) + scalar(", "vector(1)", ")))"),
        _nested("(scalar(vector(1)) + ", "vector(1)", ")"),
        _nested("topk(scalar(", "vector(1)", "), vector(1))"),
        _nested("quantile(scalar(", "vector(1)", "), vector(1))"),
        _nested("clamp(vector(1), 0, scalar(", "vector(1)", "))"),
        _nested("round(vector(1), scalar(", "vector(1)", "))"),
        _nested("histogram_quantile(1, ", "vector(1)", ")"),
        _nested("predict_linear(", "vector(1)", "[40000s:1s] @ 0, 1)"),
    ],
)
def test_held_tables_are_counted(text: str) -> None:
    """Tables that an operator or a function holds while it makes more are counted together."""
    tracemalloc.start()
    try:
        with pytest.raises(QueryError, match=re.escape(TOO_MANY)):
            instant_query(text, WrittenSeries("x 1"), END, QueryLimits(seconds=60, samples=100_000))
        assert tracemalloc.get_traced_memory()[1] < 10 * 8 * 100_000
    finally:
        tracemalloc.stop()


def test_functions_work_in_batches() -> None:
    """The temporary tables of a function are smaller than its result."""
    tracemalloc.start()
    try:
        made = range_query("day_of_year(x)", Big(), 0, END, 2000)
        assert tracemalloc.get_traced_memory()[1] < 5 * made.values.nbytes
    finally:
        tracemalloc.stop()


def test_the_steps_of_a_subquery_are_limited() -> None:
    """A subquery may have a million steps, however few its series are."""
    source = WrittenSeries("x 1")
    assert instant("count_over_time(vector(1)[1000000s:1s])", source, 2e6) == {"": 1e6}
    with pytest.raises(QueryError, match=re.escape(TOO_MANY)):
        instant("count_over_time(vector(1)[1000001s:1s])", source, 2e6)


def test_the_samples_of_an_answer_are_limited() -> None:
    """The number of series times the number of steps is limited."""
    with pytest.raises(QueryError, match=re.escape(TOO_MANY)):
        range_query("x", Big(), 0, END, 3600, QueryLimits(samples=1_500_000))


@pytest.mark.parametrize(
    "text",
    [
        "quantile_over_time(0.5, x[1h])",
        "deriv(x[1h])",
        "sum_over_time(x[1h])",
        "stddev_over_time(vector(1)[900000s:1s])",
        "avg_over_time(vector(1.7e308)[900000s:1s])",
        "quantile by (number) (0.5, x) + " * 40 + "x",
        " + ".join(f'label_replace(x, "a", "{n}$1", "number", "{"(.*)" * 50}")' for n in range(9)),
    ],
)
def test_a_query_times_out(text: str) -> None:
    """A query that takes too long is ended soon after its limit, with Prometheus's message."""
    begin = time.monotonic()
    with pytest.raises(QueryError) as caught:
        range_query(text, Big(), 0, END, 2000, QueryLimits(seconds=0.2, samples=10_000_000))
    assert (caught.value.kind, caught.value.message) == ("timeout", LATE)
    assert time.monotonic() - begin < 5


def test_the_points_of_a_series_are_limited() -> None:
    """A series may have 11,000 points, as in Prometheus, and not one more."""
    source = WrittenSeries("x 1")
    assert range_query("x", source, 0, 11_000, 1).values.shape == (1, 11_001)
    with pytest.raises(QueryError) as caught:
        range_query("x", source, 0, 11_001, 1)
    assert caught.value.kind == "bad_data"
    assert caught.value.message == (
        "exceeded maximum resolution of 11,000 points per timeseries. "
        "Try decreasing the query resolution (?step=XX)"
    )


@pytest.mark.parametrize(("start", "end", "step"), [(0, 1, 0), (0, 1, -5)])
def test_invalid_ranges(start: int, end: int, step: int) -> None:
    """A step that is not positive is refused as in Prometheus."""
    with pytest.raises(QueryError) as caught:
        range_query("x", WrittenSeries("x 1"), start, end, step)
    assert caught.value.kind == "bad_data"


@pytest.mark.parametrize("text", ["x[5m]", '"x"'])
def test_range_queries_need_scalars_or_vectors(text: str) -> None:
    """A range query of a range vector or a string is refused."""
    with pytest.raises(QueryError, match="must be Scalar or instant Vector"):
        range_query(text, WrittenSeries("x 1"), 0, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "label_join(" * 9 + "x" + ',"b","","b","b","b","a")' * 9,
        'label_replace(x, "c", "' + "$1" * 4000 + '", "a", "(.*)")',
    ],
)
def test_label_values_are_limited(text: str) -> None:
    """A function that makes a label value longer than 4,096 characters is refused."""
    source = WrittenSeries('x{a="01234567890123456789",b="01234567890123456789"} 1')
    with pytest.raises(QueryError, match="at most 4096 are taken"):
        instant(text, source)


@pytest.mark.parametrize("pattern", ["(a|a)*(.*.*)*$", "(.*){500}z", "((a+)+)+$", "(x+x+)+y"])
def test_patterns_take_linear_time(pattern: str) -> None:
    """Patterns on which a backtracking matcher never ends are matched quickly."""
    source = WrittenSeries(f'x{{a="{"a" * 200 + "x" * 200}"}} 1')
    begin = time.monotonic()
    instant(f'x{{a=~"{pattern}"}}', source)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    "text", ["x", "sum(x) or vector(0)", "vector(1) * on() group_left() x", "vector(1) and on() x"]
)
def test_a_query_frees_its_memory(text: str) -> None:
    """Label sets and what was computed from them are freed when a query ends."""

    def alive() -> int:
        gc.collect()
        return sum(isinstance(one, LabelSets) for one in gc.get_objects())

    before = alive()
    instant(text, WrittenSeries('x{a="1"} 1'))
    assert alive() == before
