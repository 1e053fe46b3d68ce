"""What a watched counts, on a clock that only moves when it is told to."""

import threading
from types import FrameType

import pytest

from sidelight.runtime.watchdog import BlockSource, WatchedLoop

MS = 1_000_000
PERIOD = 50 * MS
THRESHOLD = 100 * MS


class BlockAttribution:
    """Says what it is told to, and remembers what was counted."""

    def __init__(self) -> None:
        self.names = iter([""])
        self.held_by: dict[str, int] = {}
        self.firsts: list[str] = []

    def attribute(self, frame: FrameType | None) -> BlockSource:
        return BlockSource("_UNKNOWN" if frame is None else next(self.names))

    def count_block(self, source: BlockSource, ns: int, *, first: bool) -> None:
        self.held_by[source.route] = self.held_by.get(source.route, 0) + ns
        if first:
            self.firsts.append(source.route)


class Loop:
    """A loop as far as a watched looks at it."""

    def is_running(self) -> bool:
        return True


@pytest.fixture
def attribution() -> BlockAttribution:
    return BlockAttribution()


@pytest.fixture
def watched(attribution: BlockAttribution) -> WatchedLoop:
    found = WatchedLoop([attribution], THRESHOLD, PERIOD)
    found.loop, found.thread = Loop(), threading.get_ident()  # type: ignore[assignment]
    assert found.beat(1000 * MS) == 0
    return found


def test_a_loop_in_time_is_not_held(watched: WatchedLoop, attribution: BlockAttribution) -> None:
    """Beats and looks at their times count nothing, and say how late a beat was."""
    watched.look(1050 * MS, 1050 * MS)
    assert watched.beat(1051 * MS) == 1 * MS
    watched.look(1100 * MS, 1200 * MS)
    assert watched.beat(1200 * MS) == 99 * MS
    assert attribution.held_by == {}
    assert watched.blocked_between(0, 1250 * MS) == 0


def test_a_hold_is_counted_from_half_a_period_before_it_was_due(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Each look counts the time since the last one, and the beat counts the rest."""
    attribution.names = iter(["/a"] * 9)
    for now in (1100, 1150, 1200, 1250):
        watched.look(now * MS, now * MS)
    assert watched.beat(1300 * MS) == 250 * MS
    assert attribution.held_by == {"/a": 275 * MS}
    assert attribution.firsts == ["/a"]


def test_time_goes_to_whom_each_look_sees(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Two that hold the loop one after the other share it, and it is one hold."""
    attribution.names = iter(["/a", "/b"])
    watched.look(1200 * MS, 1200 * MS)
    watched.look(1250 * MS, 1250 * MS)
    watched.beat(1260 * MS)
    assert attribution.held_by == {"/a": 175 * MS, "/b": 60 * MS}
    assert attribution.firsts == ["/a"]


def test_a_short_hold_is_seen_before_it_counts(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A look at half the threshold is remembered, and counts only if the hold goes on."""
    attribution.names = iter(["/a", "/b"])
    watched.look(1101 * MS, 1101 * MS)
    assert watched.beat(1140 * MS) == 90 * MS
    assert attribution.held_by == {}
    watched.look(1241 * MS, 1241 * MS)
    assert watched.beat(1291 * MS) == 101 * MS
    assert attribution.held_by == {"/b": 126 * MS}


def test_a_look_comes_when_it_may_see_something(watched: WatchedLoop) -> None:
    """Half the threshold after the next beat is due, and then again and again."""
    assert watched.next_look(1000 * MS) == 1100 * MS
    assert watched.next_look(1100 * MS) == 1150 * MS
    assert watched.next_look(1300 * MS) == 1350 * MS


def test_what_no_look_saw_is_unknown(watched: WatchedLoop, attribution: BlockAttribution) -> None:
    """A late beat that nobody had looked at: no thread could run."""
    assert watched.beat(4050 * MS) == 3000 * MS
    assert attribution.held_by == {"_UNKNOWN": 3025 * MS}
    assert attribution.firsts == ["_UNKNOWN"]


def test_a_look_that_overslept_saw_nothing_of_it(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """The time before it is unknown; the next look sees again."""
    attribution.names = iter(["/b", "/a"])
    watched.look(1100 * MS, 3000 * MS)
    watched.look(3050 * MS, 3050 * MS)
    watched.beat(3060 * MS)
    assert attribution.held_by == {"_UNKNOWN": 1975 * MS, "/a": 60 * MS}


def test_what_ran_before_and_after_a_sleep_ran_in_between(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """What two looks see, of which the second overslept, is known; of two routes neither is."""
    attribution.names = iter(["/a", "/a", "/b"])
    watched.look(1200 * MS, 1200 * MS)
    watched.look(1250 * MS, 2200 * MS)
    watched.look(2250 * MS, 3200 * MS)
    watched.beat(3210 * MS)
    assert attribution.held_by == {"/a": 1175 * MS, "_UNKNOWN": 1010 * MS}


def test_a_look_between_a_beat_and_its_clock_takes_nothing_back(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A loop that read the clock and then had to wait for a processor beats in the past."""
    attribution.names = iter(["/a"])
    watched.look(1200 * MS, 1200 * MS)
    seen = dict(attribution.held_by)
    watched.beat(1190 * MS)
    assert attribution.held_by == seen == {"/a": 175 * MS}


def test_holds_are_remembered(watched: WatchedLoop, attribution: BlockAttribution) -> None:
    """How much of a span the loop was held in, also while it still is."""
    attribution.names = iter(["/a"] * 9)
    watched.look(1200 * MS, 1200 * MS)
    assert watched.blocked_between(1100 * MS, 1200 * MS) == 100 * MS
    watched.beat(1225 * MS)
    watched.beat(1275 * MS)
    assert watched.blocked_between(0, 5000 * MS) == 200 * MS + 5000 * MS - 1300 * MS
    assert watched.blocked_between(1200 * MS, 1210 * MS) == 10 * MS
    assert watched.blocked_between(1230 * MS, 1270 * MS) == 0


def test_a_loop_that_is_not_running_is_not_held(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A test's loop stops between two requests."""
    watched.loop = type("Stopped", (), {"is_running": lambda _: False})()
    watched.look(5000 * MS, 5000 * MS)
    assert watched.beat(6000 * MS) == 0
    assert attribution.held_by == {}


def test_a_block_of_two_applications_is_counted_once() -> None:
    """Applications on one loop share one file: a block is counted by the first of them alone."""
    first, second = BlockAttribution(), BlockAttribution()
    watched = WatchedLoop([first, second], THRESHOLD, PERIOD)
    watched.beat(1000 * MS)
    watched.beat(1250 * MS)
    assert (first.held_by, second.held_by) == ({"_UNKNOWN": 225 * MS}, {})
    assert (first.firsts, second.firsts) == (["_UNKNOWN"], [])
