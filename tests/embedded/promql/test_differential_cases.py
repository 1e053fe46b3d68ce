"""Queries thought of by hand: a real Prometheus 3 and ours answer the same."""

from pathlib import Path

import pytest

from tests.embedded.promql import ours
from tests.embedded.promql.asking import Court
from tests.embedded.promql.blocks import Memory
from tests.embedded.promql.test_differential_generated import ALIGNED

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

CASES = sorted((Path(__file__).parent / "cases").glob("*.promql"))
"""A query a line; a file for each thing that they are about."""
RARE = "rare.promql"


def queries(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_cases(newer: Court, path: Path) -> None:
    """Each has Prometheus 3's answers or its type of error; ours refuses only what is rare."""
    verdicts = [newer.verdict(query, when) for query in queries(path) for when in ALIGNED]
    wrong = {verdict.query: str(verdict) for verdict in verdicts if verdict.wrong}
    assert not wrong, "\n".join(wrong.values())
    assert path.name == RARE or [v.query for v in verdicts if v.refused] == []


def test_refused_whatever_there_is(newer: Court) -> None:
    """What is no query is refused even if there is no series that it could select."""
    at = ALIGNED[0]
    wrong = [q for path in CASES for q in queries(path) if newer.theirs(q, at).error == "bad_data"]
    assert len(wrong) > 100
    assert [q for q in wrong if ours.ask(q, Memory([]), at.start).error != "bad_data"] == []
