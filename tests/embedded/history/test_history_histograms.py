"""The history keeps native histograms, in bounded memory, and answers queries of them."""

import math

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from sidelight.embedded.history.history import History, HistoryQuerier
from sidelight.embedded.promql.engine import Vector, instant_query
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.limits import QueryLimits
from sidelight.embedded.rules.recording import query_samples, record_samples
from tests.embedded.history.filled_history import ENDED, MIB, Points, stored_samples
from tests.embedded.promql.histogram_notation import histogram

HOUR = 3_600_000
KEY = "rule"


def step(history: History, second: int, **series: FloatHistogram | float) -> None:
    """Add one step of these series."""
    rows = [({"__name__": name, "job": "shop"}, value) for name, value in series.items()]
    record_samples(history, KEY, second * 1000, rows)


def growing(second: int) -> FloatHistogram:
    """Return a counter that has observed once a second, in forty buckets in turn."""
    counts = " ".join(str((second + 40 - n) // 40) for n in range(40))
    return histogram(f"schema:3 count:{second} sum:{second / 8} buckets:[{counts}] offset:-20")


def stored(history: History) -> dict[str, Points]:
    return stored_samples(history)


@pytest.mark.parametrize(
    "text",
    [
        "count:0 sum:0",
        "schema:3 count:300 sum:9.25 z_bucket:4 z_bucket_w:0.001 buckets:[255 0 41] offset:-7",
        "schema:-4 count:70000 sum:-1 n_buckets:[70000] n_offset:-3",
        "schema:8 count:5000000000 sum:1 buckets:[5000000000]",
        "count:1.5 sum:NaN buckets:[0.5 1]",
        "count:3 sum:-3 n_buckets:[3] buckets:[-0]",
        "count:-3 sum:-3 n_buckets:[-3]",
        "count:3 sum:NaN custom_values:[0.1 2.5] buckets:[1 0 2]",
        "count:3 sum:1 buckets:[3] counter_reset_hint:gauge",
    ],
)
def test_each_histogram_is_kept(text: str) -> None:
    """What is stored is what is read: all counts, the schema or bounds, and the hint."""
    history, given = History(HOUR, MIB), histogram(text)
    step(history, 1, a=given)
    found = stored(history)["a"][1]
    assert isinstance(found, FloatHistogram)
    assert found.same(given)
    assert found.hint == given.hint


def test_samples_of_all_steps_are_kept() -> None:
    """Over many chunks, a series has its histogram, its number or its end at each step."""
    history = History(HOUR, 64 * MIB)
    for second in range(400):
        kinds: list[dict[str, FloatHistogram | float]] = [{"a": growing(second)}, {"a": 7.0}, {}]
        step(history, second, up=1.0, **kinds[second // 50 % 3])
    points = stored(history)["a"]
    for second, value in points.items():
        kind = second // 50 % 3
        if kind == 0:
            assert isinstance(value, FloatHistogram)
            assert value.same(growing(second))
        else:
            assert value == (7.0 if kind == 1 else ENDED)
    assert [second for second in range(400) if second not in points] == [
        second for second in range(400) if second // 50 % 3 == 2 and second % 50
    ]


def test_a_histogram_that_does_not_change_is_stored_once() -> None:
    """An hour of steps with the same histogram takes no more memory than ten minutes."""
    history = History(HOUR, 64 * MIB)
    sizes = []
    for second in range(0, 3600, 5):
        step(history, second, a=growing(1000))
        sizes.append(history.stats.size)
    assert history.stats.samples == 1
    assert sizes[-1] - sizes[120] < 40_000
    assert stored(history)["a"].keys() == set(range(0, 3600, 5))


def test_old_histograms_are_dropped() -> None:
    """Memory does not grow after the time span is full; an unchanged one is kept all the time."""
    history = History(600_000, 64 * MIB)
    sizes = []
    for second in range(0, 6000, 5):
        step(history, second, a=growing(second), still=growing(1))
        sizes.append(history.stats.size)
    assert max(sizes[600:]) <= 1.05 * max(sizes[300:600])
    points = stored(history)["still"]
    assert min(points) >= 5000
    assert all(isinstance(one, FloatHistogram) and one.same(growing(1)) for one in points.values())


def test_memory_is_bounded() -> None:
    """With less memory than the histograms need, the newest are kept."""
    history = History(HOUR, MIB)
    for second in range(0, 3600, 5):
        step(history, second, **{f"a{n}": growing(second + n) for n in range(20)})
        assert history.stats.size <= MIB
    points = stored(history)["a7"]
    newest = points[3595]
    assert isinstance(newest, FloatHistogram)
    assert newest.same(growing(3602))
    assert sorted(points) == list(range(min(points), 3600, 5))
    assert len(points) > 50


def test_queries_of_stored_histograms() -> None:
    """The history answers a rate, a quantile, and a rule that records a histogram."""
    history = History(HOUR, 64 * MIB)
    for second in range(0, 121, 5):
        step(history, second, a=growing(second))
    with HistoryQuerier(history, QueryLimits()) as source:
        found = instant_query("histogram_count(rate(a[1m]))", source, 120_000)
    assert isinstance(found, Vector)
    assert found.values.tolist() == [pytest.approx(1.0, rel=1e-12)]
    ((_, value),) = query_samples(history, "sum(increase(a[1m]))", 120_000)
    assert isinstance(value, FloatHistogram)
    assert value.count == pytest.approx(60, rel=1e-12)
    assert value.hint == "gauge"
    record_samples(history, "other", 120_000, [({"__name__": "r", "job": "shop"}, value)])
    kept = stored(history)["r"][120]
    assert isinstance(kept, FloatHistogram)
    assert kept.same(value)
    assert not math.isnan(kept.sum)
