"""Queries of native histograms get the same answers from a real Prometheus 3 and the engine."""

from pathlib import Path

import pytest

from tests.embedded.promql.comparison import Oracle, QueryTime
from tests.embedded.promql.native_samples import COUNT
from tests.embedded.promql.sample_data import START, STEP

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("prometheus-oracle"),
]

CASES = sorted((Path(__file__).parent / "native_cases").glob("*.promql"))
"""One query a line, one file for each subject."""
EARLY, LATE = (QueryTime(START + n * STEP + ms) for n, ms in ((19, 457), (44, 0)))
AROUND_CHANGES = QueryTime(START + 29 * STEP, START + 37 * STEP, 4 * STEP + 1_000)
WHOLE = QueryTime(START - STEP, START + (COUNT + 25) * STEP, 97_000)


@pytest.mark.parametrize(
    "times",
    [
        pytest.param((EARLY, AROUND_CHANGES), id="some_times"),
        pytest.param((LATE, WHOLE), id="all_times", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_native_cases(
    native_prometheus_3: Oracle, path: Path, times: tuple[QueryTime, ...]
) -> None:
    """Each query has Prometheus 3's answer, infos and warnings; none is refused."""
    queries = path.read_text("utf-8").splitlines()
    found = [native_prometheus_3.compare(query, when) for query in queries for when in times]
    wrong = {one.query: str(one) for one in found if one.wrong or one.refused}
    assert not wrong, "\n".join(wrong.values())
    assert any(one.outcome == "full" for one in found)
