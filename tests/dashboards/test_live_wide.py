"""The dashboards of a service with 1,000 routes on 20 instances, in a real Prometheus."""

import pytest

from benchmarks.dashboards import LARGE, measured
from benchmarks.dashboards.report import MOST_SECONDS, MOST_SERIES
from tests.live.prometheus import tool

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(1800)]

MUST = {
    "sidelight-fleet": {"Services B", "Services C", "Services D"},
    "sidelight-service": {"Requests A", "Errors A", "p95 A", "Requests by status A"},
    "sidelight-route": {
        "Requests A",
        "Errors A",
        "p95 A",
        "Requests of route $route, method $method A",
    },
    "sidelight-objectives": {"Least budget left A", "Objectives A", "Objectives B"},
    "sidelight-telemetry-health": {"Requests A", "Recorded requests A"},
}
"""Queries that must return data, so that none is fast because it is empty."""


def test_no_first_screen_is_slow_or_wide() -> None:
    """No query of a first screen takes 2 s of CPU time, or returns more than 500 series."""
    tool("prometheus")
    result = measured(LARGE, 3, below=False)
    assert result.written > 700_000
    answered = {(one.query.board, one.query.name) for one in result.timings if one.series}
    assert {(board, what) for board, some in MUST.items() for what in some} <= answered
    for one in result.first_screen():
        assert not one.error, (one.query, one.error)
        # The best of three, because Prometheus works in the background too.
        assert min(one.cpu) <= MOST_SECONDS, (one.query, one.cpu, one.seconds)
        assert one.series <= MOST_SERIES, one.query
