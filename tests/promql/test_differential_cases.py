"""Queries thought of by hand: a real Prometheus 3 and ours answer the same."""

import pytest

from tests.promql import ours
from tests.promql.asking import Court
from tests.promql.blocks import Memory
from tests.promql.cases import CASES, queries
from tests.promql.test_differential_generated import ALIGNED

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

REFUSED = "what may be refused"


@pytest.mark.parametrize("about", CASES)
def test_cases(newer: Court, about: str) -> None:
    """Each has Prometheus 3's answers or its type of error; ours refuses only what is rare."""
    verdicts = [newer.verdict(query, when) for query in queries(about) for when in ALIGNED]
    wrong = [str(verdict) for verdict in verdicts if verdict.wrong]
    assert not wrong, "\n".join(wrong)
    assert about == REFUSED or [v.query for v in verdicts if v.refused] == []


def test_refused_whatever_there_is(newer: Court) -> None:
    """What is no query is refused even if there is no series that it could select."""
    at = ALIGNED[0]
    wrong = [q for about in CASES for q in queries(about) if newer.theirs(q, at).error == "bad_data"]
    assert len(wrong) > 100
    assert [q for q in wrong if ours.ask(q, Memory([]), at.start).error != "bad_data"] == []
