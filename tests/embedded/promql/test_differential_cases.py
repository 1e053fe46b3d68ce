"""Queries written by hand get the same answers from a real Prometheus 3 and the engine."""

from pathlib import Path

import pytest

from tests.embedded.promql.actual import ask
from tests.embedded.promql.comparison import AT_SAMPLES, Oracle
from tests.embedded.promql.sample_blocks import MemorySource

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("prometheus-oracle"),
]

CASES = sorted((Path(__file__).parent / "cases").glob("*.promql"))
"""One query a line, one file for each subject."""
RARE = "rare.promql"


def queries(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_cases(prometheus_3: Oracle, path: Path) -> None:
    """Each query has Prometheus 3's answer or type of error; only rare ones are refused."""
    comparisons = [
        prometheus_3.compare(query, when) for query in queries(path) for when in AT_SAMPLES
    ]
    wrong = {comparison.query: str(comparison) for comparison in comparisons if comparison.wrong}
    assert not wrong, "\n".join(wrong.values())
    assert path.name == RARE or [v.query for v in comparisons if v.refused] == []


def test_invalid_queries_are_refused_without_series(prometheus_3: Oracle) -> None:
    """An invalid query is refused even if there are no series."""
    at = AT_SAMPLES[0]
    wrong = [
        q
        for path in CASES
        for q in queries(path)
        if prometheus_3.expected(q, at).error == "bad_data"
    ]
    assert len(wrong) > 100
    assert [q for q in wrong if ask(q, MemorySource([]), at.start).error != "bad_data"] == []
