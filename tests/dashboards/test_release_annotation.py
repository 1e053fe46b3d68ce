"""Every dashboard marks where the set of a service's versions changes."""

import pytest

from tests.dashboards.reading import dashboards, sent
from tests.embedded.promql.series_notation import WrittenSeries, instant

BOARDS = dashboards()
SAMPLES = """
target_info{job="shop",instance="a",service_version="1"} 1x59 stale
target_info{job="shop",instance="b",service_version="2"} _x30 1x90
target_info{job="first",instance="a",service_version="1"} _x30 1x90
target_info{job="steady",instance="a",service_version="1"} 1x120
target_info{job="unnamed",instance="a"} 1x29 stale
target_info{job="unnamed",instance="b"} _x30 1x90
"""
"""Version 2 begins after 300 s beside version 1, which ends after 600 s; others begin or go on."""


def changes(at: float) -> set[str]:
    """The marks of a dashboard at this second."""
    (one,) = [each for each in BOARDS[0]["annotations"]["list"] if each["name"] == "Deploys"]
    return set(instant(sent(one["expr"]), WrittenSeries(SAMPLES), at))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (290, set()),
        (310, {'{change="began",job="shop",service_version="2"}'}),
        (590, {'{change="began",job="shop",service_version="2"}'}),
        (600, {'{change="ended",job="shop",service_version="1"}'}),
        (890, {'{change="ended",job="shop",service_version="1"}'}),
        (910, set()),
    ],
)
def test_a_version_that_begins_or_ends(at: float, expected: set[str]) -> None:
    """For five minutes, beside other versions of the service: a service's first is no release."""
    assert changes(at) == expected


def test_every_dashboard_has_it() -> None:
    """All six have the same query, and a title with the version and what happened to it."""
    found = [
        (each["expr"], each["titleFormat"])
        for board in BOARDS
        for each in board["annotations"]["list"]
        if each["name"] == "Deploys"
    ]
    assert len(found) == 6
    assert len(set(found)) == 1
    assert found[0][1] == "{{job}} {{service_version}} {{change}}"
