"""How far Sidelight and FastAPI's telemetry agree, and whether they differ as is listed.

`differences.toml` lists where they differ. ``cannot know`` are requests of which the telemetry does
not learn the route or the status: they say nothing about Sidelight. ``names no route`` are requests
that a middleware answered before any route was chosen: Sidelight names the route that the path
leads to, so agreement is stated with them and without.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.suites.suites import HERE, Difference, Report

CANNOT_KNOW, NAMES_NO_ROUTE = "cannot know", "names no route"


class Agreement(NamedTuple):
    """Numbers of requests, and what is wrong with the list, test by test."""

    requests: int
    unknown: int
    unnamed: int
    different: int
    wrong: dict[str, str]

    def lines(self) -> Iterator[str]:
        """What `make test-suites` prints."""
        known = self.requests - self.unknown
        named = known - self.unnamed
        same = named - self.different
        yield f"oracle: {self.requests} requests, of which it cannot know {self.unknown}"
        yield f"  of the other {known}, {same} agree, {self.different} differ"
        yield f"  and {self.unnamed} were answered by a middleware: Sidelight alone names a route"
        yield f"  agreement: {_share(same, named)} where it names one, {_share(same, known)} of all"
        for test, problem in sorted(self.wrong.items()):
            yield f"  {test}: {problem}"


def listed() -> list[dict[str, Any]]:
    """The differences of `differences.toml`."""
    found: list[dict[str, Any]] = tomllib.loads((HERE / "differences.toml").read_text())[
        "difference"
    ]
    return found


def of(report: Report, listed: list[dict[str, Any]]) -> Agreement:
    """Compare a report with a list of differences."""
    found, told = differing(report)
    expected = Counter({test: each["requests"] for each in listed for test in each["tests"]})
    as_listed = Counter[str]()
    for each in listed:
        as_listed[each["oracle"]] += sum(
            min(found[test], each["requests"]) for test in each["tests"]
        )
    return Agreement(
        report.requests,
        as_listed[CANNOT_KNOW],
        as_listed[NAMES_NO_ROUTE],
        (found - expected).total(),
        {
            test: f"{found[test]} differ, {expected[test]} are listed: {told.get(test, [])}"
            for test in expected | found
            if expected[test] != found[test]
        },
    )


def differing(report: Report) -> tuple[Counter[str], dict[str, list[Difference]]]:
    """The number of differing requests of each test, its parameters summed, and what they are."""
    found, told = Counter[str](), dict[str, list[Difference]]()
    for test, differences in report.differences.items():
        name = test.partition("[")[0]
        found[name] += sum(map(requests, differences))
        told.setdefault(name, []).extend(differences)
    return found, told


def requests(difference: Difference) -> int:
    """The number of requests in a difference: the larger of its two sides."""
    return max(sum(int(number) for _, number in side) for side in difference)


def _share(part: int, whole: int) -> str:
    return f"{part / max(whole, 1):.2%}"
