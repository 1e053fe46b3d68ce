"""The known differences between Prometheus 2.42 and 3.5 are real, and there are no others."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings

from tests.embedded.promql.comparison import BETWEEN_SAMPLES, Comparison, Oracle
from tests.embedded.promql.conftest import NO_PROMETHEUS_3
from tests.embedded.promql.known_differences import DIFFERENCES, PROMETHEUS_FAULT, differs
from tests.embedded.promql.oracle_server import oracle_server, program
from tests.embedded.promql.query_strategies import queries
from tests.embedded.promql.test_differential_generated import QUIET

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("prometheus-oracle"),
]


@pytest.fixture(scope="module")
def prometheus_3_same_samples(
    prometheus_2: Oracle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Oracle]:
    """Prometheus 3 over the samples that Prometheus 2 has."""
    command = program(3) or pytest.skip(NO_PROMETHEUS_3)
    where: Path = tmp_path_factory.mktemp("prometheus_3_same_samples") / "prometheus"
    with oracle_server(command, prometheus_2.source.blocks, where) as found:
        yield Oracle(found, prometheus_2.source)


def differing(prometheus_2: Oracle, prometheus_3_same_samples: Oracle, query: str) -> str:
    """Describe how the answers differ at some time."""
    for when in BETWEEN_SAMPLES:
        expected, others = (
            prometheus_3_same_samples.expected(query, when),
            prometheus_2.expected(query, when),
        )
        comparison = Comparison(query, when, expected, others, prometheus_2)
        if comparison.wrong:
            return str(comparison)
    return ""


@pytest.mark.parametrize("reason", [why for why, (_, example) in DIFFERENCES.items() if example])
def test_known_differences_are_real(
    prometheus_2: Oracle, prometheus_3_same_samples: Oracle, reason: str
) -> None:
    """Each query that 2.42 is not asked has another answer there."""
    pattern, example = DIFFERENCES[reason]
    assert example
    assert differs(example), pattern
    assert differing(prometheus_2, prometheus_3_same_samples, example)


def test_known_fault_is_real(prometheus_3: Oracle) -> None:
    """The fault of Prometheus 3 that the queries avoid is real."""
    query, at = "timestamp(up @ 1700000940 offset 7m)", BETWEEN_SAMPLES[1]
    assert PROMETHEUS_FAULT.search(query)
    assert not prometheus_3.expected(query, at).points
    assert prometheus_3.expected("up @ 1700000940 offset 7m", at).points


@pytest.mark.parametrize("examples", [40, pytest.param(300, marks=pytest.mark.slow)])
def test_no_other_differences(
    prometheus_2: Oracle, prometheus_3_same_samples: Oracle, examples: int
) -> None:
    """On all other generated queries 2.42 and 3.5 agree between the samples' times."""

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=QUIET,
    )
    @given(queries())
    def check(query: str) -> None:
        assume(not differs(query) and not PROMETHEUS_FAULT.search(query))
        assert not differing(prometheus_2, prometheus_3_same_samples, query)

    check()
