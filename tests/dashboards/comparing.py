"""The answers of two stores to one query, which are to be the same."""

import re

import pytest

from tests.dashboards.querying import get
from tests.dashboards.reading import PanelQuery

LONG = re.compile(
    r"slo:\w+:(increase|ratio_rate)(30m|\d+[hd])|slo:error_budget_left|"
    r"sum_over_time\(\w+:\w+:rate5m\{[^}]*\}\[\$__range:"
)
"""What is summed over all evaluations so far. The two engines did not begin with the same one."""
CHOOSES = re.compile(r"\b(topk|bottomk)\b")
"""Of equal values each engine chooses others."""
Values = dict[frozenset[tuple[str, str]], float]


def answer(port: int, expr: str, at: float, *, instant: bool = True) -> Values:
    """The values of a query at a time; of a range, the last ones."""
    if instant:
        found = get(port, "query", query=expr, time=str(at))
    else:
        start = str(at - 60)
        found = get(port, "query_range", query=expr, start=start, end=str(at), step="15")
    assert found["status"] == "success", (expr, found)
    rows = found["data"]["result"]
    return {_labels(row["metric"]): float(_last(row)[1]) for row in rows}


def _labels(given: dict[str, str]) -> frozenset[tuple[str, str]]:
    bound = {"le": str(float(given["le"]))} if "le" in given else {}
    return frozenset({**given, **bound}.items())


def _last(row: dict[str, list[str]]) -> list[str]:
    return row["value"] if "value" in row else list(row["values"][-1])


def check_same(expected: Values, found: Values, of: PanelQuery, within: float) -> None:
    """Both answers to a query have the same labels, and values that differ by so much at most."""
    if CHOOSES.search(of.expr):
        assert len(found) == len(expected), of
        expected = {key: expected.get(key, value) for key, value in found.items()}
    assert found == pytest.approx(expected, rel=within), (of, of.expr)
