"""Queries made by hypothesis: a real Prometheus and ours answer the same."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, assume, given, settings

from tests.embedded.promql.asking import Court, When
from tests.embedded.promql.grammar import Text, mistyped, queries
from tests.embedded.promql.known import COLON, FAULT, differs
from tests.embedded.promql.worlds import START, STEP

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

# No range begins at a step of a subquery: Prometheus then gets offsets of @ inside it wrong, and
# answers nothing to count_over_time((up @ 1700000940)[10m:1m30s] offset 1m @ end()).
ALIGNED = (
    When(START + 49 * STEP),  # at samples of the first grid
    When(START + 95 * STEP + 5_000),  # of the second
    When(START + 71 * STEP, START + 111 * STEP, 45_000),
    When(START - 45_000, START + 50 * STEP + 457, 61_000),
)
OFF = (
    When(START + 45 * STEP + 457),
    When(START + 95 * STEP + 457),
    When(START + 70 * STEP + 457, START + 110 * STEP + 457, 47_000),
)
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def compared(
    court: Court, made: Text, times: tuple[When, ...], examples: int, *, random: bool = False
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
        assume(not FAULT.search(query) and not COLON.search(query))
        assume(court.referee.version.startswith("3.") or not differs(query))
        for when in times:
            verdict = court.verdict(query, when)
            assert not verdict.wrong, str(verdict)
            counted[verdict.sort] += 1

    check()
    return counted


def most_answer(counted: Counter[str]) -> bool:
    """Whether the test asks for something, and gets it."""
    return counted["full"] > 0.6 * counted.total() and counted["refused"] < 0.05 * counted.total()


def test_prometheus_3_agrees(newer: Court) -> None:
    """At the samples' own times and between them, 300 queries have Prometheus 3's answers."""
    counted = compared(newer, queries(), ALIGNED, 300)
    assert most_answer(counted), counted


def test_prometheus_2_agrees(older: Court) -> None:
    """Between the samples' own times, 300 queries have Prometheus 2's answers."""
    counted = compared(older, queries(), OFF, 300)
    assert most_answer(counted), counted


def test_mistyped(newer: Court) -> None:
    """A query with a slip is refused where Prometheus refuses it, and means the same where not."""
    counted = compared(newer, mistyped(), ALIGNED[:1], 300)
    assert counted["error"] > 50, counted


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_prometheus_3_agrees_at_length(newer: Court) -> None:
    """Thousands of other queries in each run have Prometheus 3's answers too."""
    counted = compared(newer, queries(), ALIGNED, 5000, random=True)
    assert most_answer(counted), counted


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_mistyped_at_length(newer: Court) -> None:
    """Thousands of other slips in each run are judged as Prometheus judges them."""
    assert compared(newer, mistyped(), ALIGNED[:1], 5000, random=True)["error"]
