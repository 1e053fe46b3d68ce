"""What is said of how far Sidelight and FastAPI's telemetry agree."""

from typing import Any

import pytest

from tests.suites import agreement
from tests.suites.suites import Difference, Report


def differ(path: str, number: int) -> Difference:
    """Requests for which Sidelight names a route and the telemetry none."""
    return [[[["GET", path, "200"], number]], [[["GET", "", "200"], number]]]


LISTED = [
    {"oracle": "cannot know", "tests": ["a::test_host"], "requests": 3},
    {"oracle": "names no route", "tests": ["a::test_guard"], "requests": 2},
]
AS_LISTED = {
    "a::test_host[1]": [differ("/a", 1), differ("/b", 1)],
    "a::test_host[2]": [differ("/a", 1)],
    "a::test_guard": [differ("/c", 2)],
}
NEW = {"a::test_new": [differ("/d", 1)]}


@pytest.mark.parametrize(
    ("differences", "lines"),
    [
        (
            AS_LISTED,
            [
                "oracle: 103 requests, of which it cannot know 3",
                "  of the other 100, 98 agree, 0 differ",
                "  and 2 were answered by a middleware: Sidelight alone names a route",
                "  agreement: 100.00% where it names one, 98.00% of all",
            ],
        ),
        (
            {**AS_LISTED, **NEW},
            [
                "oracle: 103 requests, of which it cannot know 3",
                "  of the other 100, 97 agree, 1 differ",
                "  and 2 were answered by a middleware: Sidelight alone names a route",
                "  agreement: 98.98% where it names one, 97.00% of all",
                f"  a::test_new: 1 differ, 0 are listed: {NEW['a::test_new']}",
            ],
        ),
        (
            {"a::test_guard": [differ("/c", 2)]},
            [
                "oracle: 103 requests, of which it cannot know 0",
                "  of the other 103, 101 agree, 0 differ",
                "  and 2 were answered by a middleware: Sidelight alone names a route",
                "  agreement: 100.00% where it names one, 98.06% of all",
                "  a::test_host: 0 differ, 3 are listed: []",
            ],
        ),
    ],
    ids=["as listed", "one more", "no longer"],
)
def test_requests_are_counted_by_what_the_oracle_can_say(
    differences: dict[str, list[Difference]], lines: list[str]
) -> None:
    """Each listed kind has a number of its own, and what is not as listed is named."""
    found = agreement.of(Report({}, 103, differences), LISTED)
    assert list(found.lines()) == lines


def test_the_list_is_of_known_kinds_and_names_each_test_once() -> None:
    """A kind that nobody counts, or a test under two kinds, would hide a difference."""
    listed: list[dict[str, Any]] = agreement.listed()
    tests = [test for each in listed for test in each["tests"]]
    assert {each["oracle"] for each in listed} == {"cannot know", "names no route"}
    assert len(tests) == len(set(tests))
