"""Every query that Sidelight ships gets the same answer from a real Prometheus and the engine."""

import re
from typing import Final

import pytest

from tests.embedded.promql.comparison import Comparison, Oracle, QueryTime
from tests.embedded.promql.known_differences import differs
from tests.embedded.promql.sample_data import START, STEP
from tests.embedded.promql.shipped_queries import ShippedQuery, shipped_queries
from tests.embedded.promql.shop_samples import END, LATE

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("prometheus-oracle"),
]

AT_SAMPLES: Final = (
    QueryTime(END),
    QueryTime(START + LATE * STEP + 9_000),  # when rules record
    QueryTime(START, END, 30_000),
    QueryTime(END - 5 * STEP + 457, END + 300_000 + 457, 59_000),
)
BETWEEN_SAMPLES: Final = (QueryTime(END + 457), QueryTime(START + 457, END + 457, 30_000))


def comparisons(
    oracle: Oracle, times: tuple[QueryTime, ...], one: ShippedQuery
) -> list[Comparison]:
    return [oracle.compare(one.text, when) for when in times]


def check(oracle: Oracle, times: tuple[QueryTime, ...], asked: list[ShippedQuery]) -> None:
    """Check that all answers agree, none is refused, and most are not empty."""
    wrong, refused, full = [], [], 0
    for one in asked:
        found = comparisons(oracle, times, one)
        wrong += [f"{one.place}: {comparison}" for comparison in found if comparison.wrong]
        refused += [f"{one.place}: {v.actual.message}: {one.text}" for v in found if v.refused]
        full += any(comparison.outcome == "full" for comparison in found)
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:20])
    assert not refused, f"{len(refused)} refused:\n" + "\n".join(refused[:20])
    assert full > 0.6 * len(asked), f"only {full} of {len(asked)} answer something"


def one_for_each_place(queries: list[ShippedQuery]) -> list[ShippedQuery]:
    """Return each query with one of its selections of variables; the selections take turns."""
    by_place: dict[str, list[ShippedQuery]] = {}
    for one in queries:
        by_place.setdefault(one.place, []).append(one)
    return [found[number % len(found)] for number, found in enumerate(by_place.values())]


def test_prometheus_3_agrees(shop_prometheus_3: Oracle) -> None:
    """Every query of every dashboard and rule has Prometheus 3's answers, none is refused."""
    check(shop_prometheus_3, AT_SAMPLES[::2], one_for_each_place(shipped_queries()))


@pytest.mark.slow
def test_prometheus_3_agrees_for_all_selections(shop_prometheus_3: Oracle) -> None:
    """The same holds at more times, and for each selection of the dashboards' variables."""
    check(shop_prometheus_3, AT_SAMPLES, shipped_queries())


@pytest.mark.slow
def test_prometheus_2_agrees(shop_prometheus_2: Oracle) -> None:
    """Every query of every dashboard and rule has Prometheus 2's answers between the samples."""
    check(
        shop_prometheus_2,
        BETWEEN_SAMPLES,
        [one for one in shipped_queries() if not differs(one.text)],
    )


def test_queries_are_whole() -> None:
    """No variable of Grafana is left in a query."""
    assert len(shipped_queries()) > 300
    assert [one for one in shipped_queries() if re.search(r"\$(?!1|\{1\})", one.text)] == []
