"""Native histograms: rates, sums and statistics, by numbers that are computed by hand."""

import math
from collections.abc import Mapping, Sequence

import pytest

from sidelight.embedded.promql.annotations import Annotations
from sidelight.embedded.promql.engine import Vector, instant_query
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.histogram_buckets import bounded_buckets
from sidelight.embedded.promql.limits import QueryError, QueryLimits
from tests.embedded.promql.histogram_notation import histogram
from tests.embedded.promql.sample_blocks import MARKER, Cell, MemorySource, block, labels
from tests.embedded.promql.series_notation import samples

EVERY = 10_000
TWO = "schema:0 count:4 sum:6 buckets:[1 3] offset:1"
"""One observation in (1, 2] and three in (2, 4]."""


CUSTOM = "count:1 sum:1 custom_values:[1 2] buckets:[1]"


def source(**rows: Sequence[Cell | str]) -> MemorySource:
    """Return series with a sample every 10 s; a text is a histogram."""
    size = max(map(len, rows.values()))
    cells = {
        labels("h", n=name): [_cell(one) for one in row] + [None] * (size - len(row))
        for name, row in rows.items()
    }
    return MemorySource([block([at * EVERY for at in range(size)], cells)])


def _cell(one: Cell | str) -> Cell:
    return histogram(one) if isinstance(one, str) and one != MARKER else one


def answer(
    query: str, of: MemorySource, at: int = 0
) -> tuple[dict[str, float | FloatHistogram], list[str]]:
    """Return the values by the label n, and the infos and warnings, at this second."""
    found = Annotations()
    result = instant_query(query, of, at * 1000, annotations=found)
    assert isinstance(result, Vector)
    rows = [
        (ls, value) for row, ls in enumerate(result.labels) for _, value in samples(result, row)
    ]
    return {ls.get("n", ""): v for ls, v in rows}, [*found.infos(query), *found.warnings(query)]


def number(query: str, of: MemorySource, at: int = 0) -> float:
    (value,) = answer(query, of, at)[0].values()
    assert isinstance(value, float)
    return value


def counts(value: float | FloatHistogram) -> Mapping[tuple[float, float], float]:
    """Return the counts of the buckets by their ends."""
    assert isinstance(value, FloatHistogram)
    lower, upper, inside, _ = bounded_buckets(value).populated()
    pairs = zip(lower.tolist(), upper.tolist(), strict=True)
    return dict(zip(pairs, inside.tolist(), strict=True))


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("histogram_count(h)", 4.0),
        ("histogram_sum(h)", 6.0),
        ("histogram_avg(h)", 1.5),
        ("histogram_quantile(0, h)", 1.0),
        ("histogram_quantile(0.25, h)", 2.0),  # the end of the first bucket
        ("histogram_quantile(0.5, h)", 2 ** (1 + 1 / 3)),  # a third of (2, 4], on its scale
        ("histogram_quantile(1, h)", 4.0),
        ("histogram_quantile(-0.1, h)", -math.inf),
        ("histogram_quantile(1.1, h)", math.inf),
        ("histogram_fraction(0, 2, h)", 0.25),
        ("histogram_fraction(2, 2 ^ 1.5, h)", 0.375),
        ("histogram_fraction(-Inf, +Inf, h)", 1.0),
        ("histogram_stdvar(h)", (2 - 2 * 1.5 * 2**0.5 + 2.25 + 3 * (8**0.5 - 1.5) ** 2) / 4),
    ],
)
def test_statistics(query: str, value: float) -> None:
    """Observations lie evenly in their bucket on a logarithmic scale, and in its geometric mean."""
    assert number(query, source(a=[TWO])) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "q", "value"),
    [
        ("count:4 sum:1 z_bucket:4 z_bucket_w:0.5", 0.25, -0.25),
        ("count:8 sum:1 z_bucket:4 z_bucket_w:0.5 buckets:[4]", 0.25, 0.25),
        ("count:8 sum:1 z_bucket:4 z_bucket_w:0.5 n_buckets:[4]", 0.75, -0.25),
        ("count:4 sum:1 n_buckets:[4]", 0.5, -(2**-0.5)),
        ("count:4 sum:9 custom_values:[2 6] buckets:[0 4]", 0.5, 4.0),
        ("count:4 sum:9 custom_values:[2 6] buckets:[4]", 0.5, 1.0),
        ("count:4 sum:9 custom_values:[-2 6] buckets:[4]", 0.5, -2.0),
        ("count:4 sum:9 custom_values:[2 6] buckets:[0 0 4]", 0.5, 6.0),
        ("count:0 sum:0", 0.5, math.nan),
    ],
)
def test_quantiles_in_other_buckets(text: str, q: float, value: float) -> None:
    """In the zero bucket, which ends at 0 if nothing is beyond, and in custom ones it is linear."""
    found = number(f"histogram_quantile({q}, h)", source(a=[text]))
    assert found == pytest.approx(value, rel=1e-12, nan_ok=True)


def test_a_reset_is_a_count_that_fell() -> None:
    """A fallen bucket is a reset, though there are more observations: all of them are new."""
    rising = source(a=["count:2 sum:2 buckets:[2]", "count:4 sum:5 buckets:[4]"])
    assert counts(answer("increase(h[20s])", rising, 10)[0]["a"]) == {(0.5, 1.0): 4.0}
    again = "count:5 sum:9 buckets:[1 4]"
    reset = source(a=["count:2 sum:2 buckets:[2]", "count:4 sum:5 buckets:[4]", again])
    value = answer("increase(h[30s])", reset, 20)[0]["a"]
    assert isinstance(value, FloatHistogram)
    # 2 until the reset and 5 after it, in 20 of the 30 s
    assert (value.count, value.sum) == (7 * 1.5, 12 * 1.5)
    assert counts(value) == {(0.5, 1.0): 3 * 1.5, (1.0, 2.0): 4 * 1.5}
    assert number("resets(h[30s])", reset, 20) == 1.0


@pytest.mark.parametrize(
    ("before", "after", "resets"),
    [
        ("count:5 sum:5 buckets:[4 1]", "count:6 sum:5 buckets:[4 2]", 0.0),
        ("count:5 sum:5 buckets:[4 1]", "count:6 sum:5 buckets:[1 5]", 1.0),
        ("count:5 sum:5 buckets:[4 1]", "count:4 sum:9 buckets:[4 1]", 1.0),
        ("count:5 sum:5 buckets:[5]", "count:6 sum:5 n_buckets:[6]", 1.0),
        ("count:5 sum:5 z_bucket:5", "count:6 sum:5 z_bucket:4 buckets:[2]", 1.0),
        ("count:5 sum:5 schema:1 buckets:[2 3]", "count:6 sum:5 buckets:[5 1] offset:0", 1.0),
        ("count:5 sum:5 schema:1 buckets:[2 3]", "count:6 sum:5 buckets:[2 4] offset:0", 0.0),
        ("count:5 sum:5 buckets:[5]", "count:6 sum:5 schema:1 buckets:[6]", 1.0),
        (CUSTOM, "count:2 sum:1 custom_values:[1 3] buckets:[2]", 1.0),
    ],
)
def test_resets(before: str, after: str, resets: float) -> None:
    """A reset is any count that fell, finer buckets, or other bounds; new buckets are none."""
    assert number("resets(h[20s])", source(a=[before, after]), 10) == resets


def test_a_subquery_does_not_repeat_a_reset() -> None:
    """A sample that is marked as a reset is one only once, however often a subquery returns it."""
    marked = "count:9 sum:9 buckets:[9] counter_reset_hint:reset"
    rows = source(a=["count:2 sum:2 buckets:[2]", marked, "count:10 sum:10 buckets:[10]"])
    assert number("resets(h[30s])", rows, 20) == 1.0
    assert number("resets(h[30s:2s])", rows, 20) == 0.0
    assert number("histogram_count(increase(h[20s:5s]))", rows, 20) == pytest.approx(8 * 4 / 3)


def test_a_coarser_schema_is_the_sum_s() -> None:
    """A sum is in the coarsest schema: of (1, 1.41] and (1.41, 2] it has (1, 2]."""
    fine, coarse = "schema:1 count:3 sum:4 buckets:[0 1 2]", "schema:0 count:5 sum:8 buckets:[1 4]"
    value = answer("sum(h)", source(a=[fine], b=[coarse]))[0][""]
    assert isinstance(value, FloatHistogram)
    assert (value.schema, value.count, value.sum) == (0, 8.0, 12.0)
    assert counts(value) == {(0.5, 1.0): 1.0, (1.0, 2.0): 7.0}


def test_zero_buckets_are_made_equally_wide() -> None:
    """The wider zero bucket takes the other's buckets, and grows to the end of one it divides."""
    wide, narrow = "count:1 sum:0 z_bucket:1 z_bucket_w:0.75", "count:3 sum:3 buckets:[1 2]"
    value = answer("sum(h)", source(a=[wide], b=[narrow]))[0][""]
    assert counts(value) == {(-1.0, 1.0): 2.0, (1.0, 2.0): 2.0}


MIXED = "vector contains a mix of histograms with exponential and custom buckets schemas"
OTHER_BOUNDS = "vector contains histograms with incompatible custom buckets"
INCOMPATIBLE = "info: incompatible sample types encountered for binary operator"


@pytest.mark.parametrize(
    ("query", "rows", "said"),
    [
        ("sum(h)", {"a": [TWO], "b": [CUSTOM]}, f'warning: {MIXED} for metric name "h" (1:5)'),
        (
            "avg(h)",
            {"a": ["count:1 sum:1 custom_values:[1] buckets:[1]"], "b": [CUSTOM]},
            f'warning: {OTHER_BOUNDS} for metric name "h" (1:5)',
        ),
        (
            "sum(h)",
            {"a": [TWO], "b": [1.0]},
            "warning: encountered a mix of histograms and floats for aggregation (1:5)",
        ),
        (
            "rate(h[20s])",
            {"a": [1.0, TWO]},
            'warning: encountered a mix of histograms and floats for metric name "h" (1:6)',
        ),
        (
            "increase(h[30s])",
            {"a": [TWO, TWO, CUSTOM]},
            f'warning: {MIXED} for metric name "h" (1:10)',
        ),
        ("max(h)", {"a": [TWO]}, "info: ignored histogram in max aggregation (1:5)"),
        (
            "h + 1",
            {"a": [TWO]},
            f'{INCOMPATIBLE} "+": histogram + float (1:1)',
        ),
        ("h > h", {"a": [TWO]}, f'{INCOMPATIBLE} ">": histogram > histogram (1:1)'),
    ],
)
def test_what_can_t_be_computed_is_left_out(
    query: str, rows: dict[str, Sequence[Cell | str]], said: str
) -> None:
    """There is no result, and an info or a warning says why."""
    last = 10 * (len(rows["a"]) - 1)
    assert answer(query, source(**rows), last) == ({}, [f"PromQL {said}"])


def test_numbers_and_histograms_side_by_side() -> None:
    """Functions of numbers leave histograms out, counts and selections have both."""
    both = source(a=[TWO], b=[-3.0], c=[TWO, MARKER])
    assert answer("abs(h)", both)[0] == {"b": 3.0}
    assert answer("count(h)", both)[0] == {"": 3.0}
    assert answer("count(h)", both, 10)[0] == {"": 2.0}
    assert set(answer("h or vector(1)", both)[0]) == {"a", "b", "c", ""}
    assert set(answer("h and histogram_count(h)", both)[0]) == {"a", "c"}
    assert set(answer("h unless h * 0 == 0", both)[0]) == {"a", "c"}
    assert answer("timestamp(h)", both, 10)[0] == {"a": 0.0, "b": 0.0}
    assert answer("absent(h)", source(a=[TWO]))[0] == {}


def test_operators_between_histograms() -> None:
    """They are added, subtracted, multiplied, divided and compared, and are nothing else."""
    one = source(a=[TWO])
    sums, _ = answer("h * 3 - h / 2 + h", one)
    assert counts(sums["a"]) == {(1.0, 2.0): 3.5, (2.0, 4.0): 10.5}
    assert answer("h == bool h", one)[0] == {"a": 1.0}
    assert answer("h != h", one)[0] == {}
    negative, _ = answer("-h", one)
    assert counts(negative["a"]) == {(1.0, 2.0): -1.0, (2.0, 4.0): -3.0}


def test_new_histograms_count_as_samples() -> None:
    """A query whose histograms would need too much memory ends with Prometheus's error."""
    wide = f"count:200 sum:1 buckets:[{'1 ' * 200}]"
    many = source(**{f"a{n}": [wide] * 3 for n in range(9)})
    assert isinstance(instant_query("h * 2", many, 0, QueryLimits(samples=6_000)), Vector)
    for query in ("h[30s]", "h * 2", "sum by (n) (h)", "rate(h[30s])"):
        with pytest.raises(QueryError, match="would load too many samples into memory"):
            instant_query(query, many, 20_000, QueryLimits(samples=1_800))
