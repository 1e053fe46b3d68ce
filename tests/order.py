"""The order of the tests, and which of them run in one process.

What is begun last is waited for by all, so tests that take long run first. Most of the others wait
for servers or compute: in a run of several processes they take turns, so that there is always some
of each. Else half of the run would leave a core idle, and the other half a queue of processes.
"""

from collections.abc import Sequence

import pytest

LONG_GROUPS = (
    "drill",
    "browser",
    "prometheus-oracle",
    "dashboards",
    "promtool",
    "test_lessons",
)
"""Those that take most of a minute, whoever else is at work: the longest first."""
LIVE_END = 0.9
"""The part of the others after which no more tests of servers begin: those at the end are short."""


def grouped(items: Sequence[pytest.Item]) -> None:
    """Mark tests that share something started: they run in one process."""
    for item in items:
        shared = _sharing(item)
        if shared and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(shared))


def _sharing(item: pytest.Item) -> str:
    """Whose fixture a test shares: its module's, or a folder's that has one for all tests."""
    known = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    fixtures = [fixture for fixtures in known.values() for fixture in fixtures]
    for fixture in fixtures:
        if fixture.scope == "session" and fixture.baseid.startswith("tests/"):
            return fixture.baseid
    return item.path.stem if any(fixture.scope == "module" for fixture in fixtures) else ""


def ordered(items: Sequence[pytest.Item], *, taking_turns: bool) -> list[pytest.Item]:
    """Tests of long groups, then those of servers and the others, one after the other or mixed."""
    long = [item for item in items if _rank(item) < len(LONG_GROUPS)]
    short = [item for item in items if _rank(item) == len(LONG_GROUPS)]
    live = [item for item in short if item.get_closest_marker("live")]
    rest = [item for item in short if not item.get_closest_marker("live")]
    if taking_turns:
        place = {item: LIVE_END * n / len(live) for n, item in enumerate(live)}
        place |= {item: n / len(rest) for n, item in enumerate(rest)}
        short = sorted(place, key=lambda item: place[item])
    else:
        short = [*live, *rest]
    return [*sorted(long, key=_rank), *short]


def _rank(item: pytest.Item) -> int:
    """The place of a test's group among the long ones; that after the last for any other test."""
    names = {mark.args[0] for mark in item.iter_markers("xdist_group")}
    ranks = [rank for rank, name in enumerate(LONG_GROUPS) if name in names]
    return min(ranks, default=len(LONG_GROUPS))
