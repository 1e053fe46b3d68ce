"""Queries made by hypothesis: a real Prometheus and actual answer the same."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, assume, given, settings

from tests.embedded.promql.comparison import AT_SAMPLES, BETWEEN_SAMPLES, Oracle, QueryTime
from tests.embedded.promql.known_differences import LABEL_WITH_COLON, PROMETHEUS_FAULT, differs
from tests.embedded.promql.query_strategies import Text, mistyped, queries

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def compared(
    oracle: Oracle, made: Text, times: tuple[QueryTime, ...], examples: int, *, random: bool = False
) -> Counter[str]:
    """How many had an answer with points, were empty, in error or refused; a wrong one fails."""
    counted: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        derandomize=not random,
        database=None,
        deadline=None,
        suppress_health_check=QUIET,
    )
    @given(made)
    def check(query: str) -> None:
        assume(not PROMETHEUS_FAULT.search(query) and not LABEL_WITH_COLON.search(query))
        assume(oracle.server.version.startswith("3.") or not differs(query))
        for when in times:
            comparison = oracle.comparison(query, when)
            assert not comparison.wrong, str(comparison)
            counted[comparison.sort] += 1

    check()
    return counted


def most_answer(counted: Counter[str]) -> bool:
    """Whether the test asks for something, and gets it."""
    return counted["full"] > 0.6 * counted.total() and counted["refused"] < 0.05 * counted.total()


def test_prometheus_3_agrees(prometheus_3: Oracle) -> None:
    """At the samples' own times and between them, 300 queries have Prometheus 3's answers."""
    counted = compared(prometheus_3, queries(), AT_SAMPLES, 300)
    assert most_answer(counted), counted


def test_prometheus_2_agrees(prometheus_2: Oracle) -> None:
    """Between the samples' own times, 300 queries have Prometheus 2's answers."""
    counted = compared(prometheus_2, queries(), BETWEEN_SAMPLES, 300)
    assert most_answer(counted), counted


def test_mistyped(prometheus_3: Oracle) -> None:
    """A query with a slip is refused where Prometheus refuses it, and means the same where not."""
    counted = compared(prometheus_3, mistyped(), AT_SAMPLES[:1], 300)
    assert counted["error"] > 50, counted


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_prometheus_3_agrees_at_length(prometheus_3: Oracle) -> None:
    """Thousands of other queries in each run have Prometheus 3's answers too."""
    counted = compared(prometheus_3, queries(), AT_SAMPLES, 5000, random=True)
    assert most_answer(counted), counted


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_mistyped_at_length(prometheus_3: Oracle) -> None:
    """Thousands of other slips in each run are judged as Prometheus judges them."""
    assert compared(prometheus_3, mistyped(), AT_SAMPLES[:1], 5000, random=True)["error"]
