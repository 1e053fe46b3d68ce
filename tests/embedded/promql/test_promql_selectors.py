"""Which samples a query selects: lookback, ranges, ends of series, offsets, @ and subqueries."""

import math
from collections.abc import Sequence

import pytest

from sidelight.embedded.promql.storage import LabelMatcher, SampleBlock
from tests.embedded.promql.series_notation import WrittenSeries, instant, ranged, raw

FIVE_MINUTES = 300


def test_lookback_is_open_on_the_left() -> None:
    """A sample is selected for five minutes, and not at exactly five minutes."""
    source = WrittenSeries("x 7")
    assert instant("x", source, FIVE_MINUTES - 0.001) == {"x": 7.0}
    assert instant("x", source, FIVE_MINUTES) == {}


def test_lookback_is_closed_on_the_right() -> None:
    """A sample is selected at its own time."""
    source = WrittenSeries("x 7 8")
    assert instant("x", source, 0) == {"x": 7.0}
    assert instant("x", source, 9.999) == {"x": 7.0}
    assert instant("x", source, 10) == {"x": 8.0}


def test_staleness_markers_end_series() -> None:
    """A staleness marker ends a series at once; the next sample starts it again."""
    source = WrittenSeries("x 1 stale _ 4")
    assert ranged("x", source, 0, 30, 10) == {"x": {0.0: 1.0, 30.0: 4.0}}


def test_an_absent_sample_is_not_an_end() -> None:
    """Where a sample is absent the one before is selected, and NaN is a value."""
    source = WrittenSeries("x 1 _ NaN\ny 5 6 7")
    found = ranged("x", source, 0, 20, 10)["x"]
    assert found[10.0] == 1.0
    assert math.isnan(found[20.0])


def test_ranges_are_open_on_the_left() -> None:
    """As in Prometheus 3, a window of 20 s between sample times has two samples."""
    source = WrittenSeries("x 1 2 3 4")
    assert raw("x[20s]", source, 30) == {"x": {20.0: 3.0, 30.0: 4.0}}


def test_ranges_skip_staleness_markers() -> None:
    """A range has the samples before and after a staleness marker."""
    source = WrittenSeries("x 1 stale 3 _ 5")
    assert raw("x[1m]", source, 40) == {"x": {0.0: 1.0, 20.0: 3.0, 40.0: 5.0}}


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("x offset 10s", 3.0),
        ("x offset -10s", 5.0),
        ("x @ 10", 2.0),
        ("x @ 10 offset 10s", 1.0),
        ("x offset 10s @ 10", 1.0),
        ("x @ start()", 4.0),
        ("x @ end() offset 20s", 2.0),
        ("sum_over_time(x[20s] offset 10s)", 5.0),
        ("sum_over_time(x[20s] @ 50)", 11.0),
        ("timestamp(x offset 5s)", 20.0),
        ("timestamp(x @ 15)", 10.0),
        ("timestamp(-x)", 30.0),
    ],
)
def test_offsets_and_at_modifiers(query: str, value: float) -> None:
    """Offsets move the time back, negative ones forward, and @ sets it."""
    assert list(instant(query, WrittenSeries("x 1+1x5"), 30).values()) == [value]


def test_start_and_end_are_those_of_the_query() -> None:
    """start() and end() are those of the whole query, also inside a subquery."""
    source = WrittenSeries("x 1+1x6")
    assert ranged("x @ end()", source, 10, 30, 10) == {"x": {10.0: 4.0, 20.0: 4.0, 30.0: 4.0}}
    query = "max_over_time((x @ start())[20s:10s])"
    assert ranged(query, source, 20, 30, 10) == {"": {20.0: 3.0, 30.0: 3.0}}


def test_the_steps_of_subqueries_are_aligned() -> None:
    """A subquery is evaluated at multiples of its step, and its range is open on the left."""
    source = WrittenSeries("x 0+1x20")
    assert raw("x[40s:20s]", source, 67) == {"x": {40.0: 4.0, 60.0: 6.0}}
    assert raw("x[40s:20s]", source, 60) == {"x": {40.0: 4.0, 60.0: 6.0}}
    assert raw("x[2m:]", source, 130) == {"x": {60.0: 6.0, 120.0: 12.0}}
    assert raw("x[40s:20s] offset 10s", source, 77) == {"x": {40.0: 4.0, 60.0: 6.0}}
    assert raw("x[20s:10s] @ 35", source, 100) == {"x": {20.0: 2.0, 30.0: 3.0}}


def test_blocks_with_different_times_are_joined() -> None:
    """Series of targets that are scraped at different times are in one answer."""

    class Two:
        parts = (WrittenSeries('x{i="a"} 1 2 3'), WrittenSeries('x{i="b"} 4 5 6', late=3_000))

        def select(
            self, matchers: Sequence[LabelMatcher], after: int, until: int
        ) -> list[SampleBlock]:
            found = (part.select(matchers, after, until) for part in self.parts)
            return [block for blocks in found for block in blocks]

    source = Two()
    assert instant("sum(x)", source, 11) == {"": 6.0}
    assert instant("sum(x)", source, 13) == {"": 7.0}
    assert raw("x[10s]", source, 13) == {'x{i="a"}': {10.0: 2.0}, 'x{i="b"}': {13.0: 5.0}}
