"""What is counted of a blocked event loop, on a clock that moves only when a test says so."""

import asyncio
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from sidelight.runtime.gil_holders import GilHolders
from sidelight.runtime.loop_block import NO_PROCESSOR, THROTTLED, BlockSource, OngoingBlock
from sidelight.runtime.loop_sampler import Work
from sidelight.runtime.processor_waits import ProcessorWaits
from sidelight.runtime.watched_loop import WatchedLoop

MS = 1_000_000
PERIOD = 50 * MS
THRESHOLD = 100 * MS


class BlockAttribution:
    """Answers what a test sets, and keeps what was counted and logged."""

    def __init__(self) -> None:
        self.names = iter([""])
        self.sources: Iterator[BlockSource] | None = None
        self.threads: list[BlockSource] = []
        self.ns_by_route: dict[str, int] = {}
        self.firsts: list[str] = []
        self.logged: list[tuple[BlockSource, int, bool]] = []
        self.shown: list[str] = []
        self.phases: list[tuple[int, int]] = []

    def attribute(self, frame: FrameType | None, loop: object) -> BlockSource:
        if frame is not None and self.sources is not None:
            return next(self.sources)
        return BlockSource("_UNKNOWN" if frame is None else next(self.names))

    def attribute_thread(self, frame: FrameType) -> BlockSource:
        return self.threads.pop(0)

    def work_of(self, frame: FrameType, loop: object) -> Work:
        return Work()

    def note_phase(self, frame: FrameType, now: int, passed: int) -> None:
        self.phases.append((now, passed))

    def count_block(self, route: str, ns: int, *, first: bool) -> None:
        self.ns_by_route[route] = self.ns_by_route.get(route, 0) + ns
        if first:
            self.firsts.append(route)

    def log_block(self, block: OngoingBlock, *, ended: bool) -> None:
        self.logged.append((block.main_source(), block.ns, ended))

    def show_block(self, block: OngoingBlock) -> None:
        self.shown.append(str(block.main_source()))

    def hide_block(self) -> None:
        self.shown.append("")


class Loop:
    """What a `WatchedLoop` uses of an event loop."""

    def is_running(self) -> bool:
        return True


@pytest.fixture
def attribution() -> BlockAttribution:
    return BlockAttribution()


@pytest.fixture
def watched(attribution: BlockAttribution) -> WatchedLoop:
    found = WatchedLoop([attribution], THRESHOLD, PERIOD)
    found.loop, found.thread = Loop(), threading.get_ident()  # type: ignore[assignment] # a stand-in
    assert found.beat(1000 * MS) == 0
    return found


def blocked_between(watched: WatchedLoop, start: int, end: int) -> int:
    return watched.conditions(start, end).blocked


def test_a_loop_in_time_is_not_blocked(watched: WatchedLoop, attribution: BlockAttribution) -> None:
    """Beats and looks at their times count nothing, and say how late a beat was."""
    watched.look(1050 * MS, 1050 * MS)
    assert watched.beat(1051 * MS) == 1 * MS
    watched.look(1100 * MS, 1200 * MS)
    assert watched.beat(1200 * MS) == 99 * MS
    assert attribution.ns_by_route == {}
    assert blocked_between(watched, 0, 1250 * MS) == 0


def test_a_block_is_counted_from_half_a_period_before_the_beat_was_due(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Each look counts the time since the last one, and the beat counts the rest."""
    attribution.names = iter(["/a"] * 9)
    for now in (1100, 1150, 1200, 1250):
        watched.look(now * MS, now * MS)
    assert watched.beat(1300 * MS) == 250 * MS
    assert attribution.ns_by_route == {"/a": 275 * MS}
    assert attribution.firsts == ["/a"]


def test_time_is_counted_for_the_route_that_each_look_sees(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Two routes that block the loop one after the other share one block."""
    attribution.names = iter(["/a", "/b"])
    watched.look(1200 * MS, 1200 * MS)
    watched.look(1250 * MS, 1250 * MS)
    watched.beat(1260 * MS)
    assert attribution.ns_by_route == {"/a": 175 * MS, "/b": 60 * MS}
    assert attribution.firsts == ["/a"]


def test_a_short_block_is_seen_before_it_counts(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A look before the threshold is remembered, and counts only if the block goes on."""
    attribution.names = iter(["/a", "/b"])
    watched.look(1101 * MS, 1101 * MS)
    assert watched.beat(1140 * MS) == 90 * MS
    assert attribution.ns_by_route == {}
    watched.look(1241 * MS, 1241 * MS)
    assert watched.beat(1291 * MS) == 101 * MS
    assert attribution.ns_by_route == {"/b": 126 * MS}


def test_a_look_comes_when_it_may_see_something(watched: WatchedLoop) -> None:
    """The first look is as late as the first sample; others follow every 50 ms."""
    assert watched.next_look(1000 * MS) == 1070 * MS
    assert watched.next_look(1070 * MS) == 1120 * MS
    assert watched.next_look(1300 * MS) == 1350 * MS


def test_what_no_look_saw_is_unknown(watched: WatchedLoop, attribution: BlockAttribution) -> None:
    """A beat is late and no thread could look at the stack: the route is unknown."""
    assert watched.beat(4050 * MS) == 3000 * MS
    assert attribution.ns_by_route == {"_UNKNOWN": 3025 * MS}
    assert attribution.firsts == ["_UNKNOWN"]


def test_a_late_look_saw_nothing_of_the_time_before(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """The time before a late look has no route; the time before the next look has one."""
    attribution.names = iter(["/b", "/a"])
    watched.look(1100 * MS, 3000 * MS)
    watched.look(3050 * MS, 3050 * MS)
    watched.beat(3060 * MS)
    assert attribution.ns_by_route == {"_UNKNOWN": 1975 * MS, "/a": 60 * MS}


def test_what_two_looks_see_ran_in_between(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A late look that sees the route of the look before counts for it; another is unknown."""
    attribution.names = iter(["/a", "/a", "/b"])
    watched.look(1200 * MS, 1200 * MS)
    watched.look(1250 * MS, 2200 * MS)
    watched.look(2250 * MS, 3200 * MS)
    watched.beat(3210 * MS)
    assert attribution.ns_by_route == {"/a": 1175 * MS, "_UNKNOWN": 1010 * MS}


def test_a_beat_with_an_earlier_time_than_a_look_subtracts_nothing(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A loop that reads the clock and then waits for a processor has a time before the look's."""
    attribution.names = iter(["/a"])
    watched.look(1200 * MS, 1200 * MS)
    seen = dict(attribution.ns_by_route)
    watched.beat(1190 * MS)
    assert attribution.ns_by_route == seen == {"/a": 175 * MS}


def test_a_look_notes_the_phase_since_the_look_before(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """The first of a block since the beat was due; one that came too late for no time."""
    attribution.names = iter(["/a"] * 9)
    watched.look(1069 * MS, 1069 * MS)
    watched.look(1101 * MS, 1101 * MS)
    watched.look(1151 * MS, 1151 * MS)
    watched.look(1200 * MS, 1400 * MS)
    watched.look(1450 * MS, 1450 * MS)
    watched.beat(1460 * MS)
    watched.look(1562 * MS, 1562 * MS)
    assert [(now // MS, passed // MS) for now, passed in attribution.phases] == [
        (1101, 51),
        (1151, 50),
        (1400, 0),
        (1450, 50),
        (1562, 52),
    ]


def test_past_blocks_are_remembered(watched: WatchedLoop, attribution: BlockAttribution) -> None:
    """The time a loop was blocked within a span is known, also while it is blocked."""
    attribution.names = iter(["/a"] * 9)
    watched.look(1200 * MS, 1200 * MS)
    assert blocked_between(watched, 1100 * MS, 1200 * MS) == 100 * MS
    watched.beat(1225 * MS)
    watched.beat(1275 * MS)
    assert blocked_between(watched, 0, 5000 * MS) == 200 * MS + 5000 * MS - 1300 * MS
    assert blocked_between(watched, 1200 * MS, 1210 * MS) == 10 * MS
    assert blocked_between(watched, 1230 * MS, 1270 * MS) == 0


def test_a_loop_that_is_not_running_is_not_blocked(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """The time for which a loop was stopped, as in tests between two requests, is not counted."""
    watched.loop = type("Stopped", (), {"is_running": lambda _: False})()
    watched.look(5000 * MS, 5000 * MS)
    assert watched.beat(6000 * MS) == 0
    assert attribution.ns_by_route == {}


def lines(*names: str) -> list[BlockSource]:
    """Sources of one route, each with a line that calls and one that is called."""
    return [BlockSource("/a", (name, "app.py:1")) for name in names]


def test_the_line_where_most_of_a_block_was_is_logged(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A block that starts in one line and stays longer in another is logged with the second."""
    attribution.sources = iter(lines("a.py:1", "b.py:2", "b.py:2", "b.py:2"))
    for now in (1200, 1250, 1350, 1450):
        watched.look(now * MS, now * MS)
    assert attribution.logged == []
    watched.beat(1500 * MS)
    assert attribution.logged == [(BlockSource("/a", ("b.py:2", "app.py:1")), 475 * MS, True)]
    watched.beat(1550 * MS)
    assert len(attribution.logged) == 1


def test_a_long_block_is_logged_before_it_ends(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """After 5 seconds a block is logged once with what it was until then, and again at its end."""
    attribution.sources = iter(lines(*["a.py:1"] * 3, *["b.py:2"] * 200))
    ends = 1025 + 5000
    for now in (1200, 3000, ends - 1, ends, ends + 50, 15000):
        watched.look(now * MS, now * MS)
    watched.beat(15000 * MS)
    assert attribution.logged == [
        (BlockSource("/a", ("a.py:1", "app.py:1")), 5000 * MS, False),
        (BlockSource("/a", ("b.py:2", "app.py:1")), 13975 * MS, True),
    ]


def test_a_late_look_counts_for_the_callers_that_both_looks_see(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Only callers that the look before saw as well are known to have run in between."""
    attribution.sources = iter(lines("a.py:1", "b.py:2"))
    watched.look(1101 * MS, 1101 * MS)
    watched.look(1150 * MS, 3000 * MS)
    watched.beat(3010 * MS)
    assert attribution.logged == [(BlockSource("/a", ("app.py:1",)), 1985 * MS, True)]


def test_looks_without_a_line_hide_no_line(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Of the route with most of the time a line is logged, if any look has seen one."""
    attribution.sources = iter(
        [
            BlockSource("/b", ("other.py:1",)),
            BlockSource("/a", ("a.py:1", "app.py:1")),
            BlockSource("/a"),
        ]
    )
    for now in (1101, 1200, 3000):
        watched.look(now * MS, now * MS)
    watched.beat(3010 * MS)
    assert attribution.logged == [(BlockSource("/a", ("a.py:1", "app.py:1")), 1985 * MS, True)]


def test_the_cause_of_most_of_a_span_is_remembered(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Of two blocks within a request, the longer one's route and line; also of one that lasts."""
    attribution.sources = iter(lines("a.py:1", "b.py:2", "c.py:3"))
    assert watched.conditions(0, 1050 * MS).by is None
    watched.look(1200 * MS, 1200 * MS)
    watched.beat(1250 * MS)
    watched.look(1500 * MS, 1500 * MS)
    assert str(watched.conditions(0, 1550 * MS).by) == "/a: b.py:2, called from app.py:1"
    assert str(watched.conditions(0, 1300 * MS).by) == "/a: a.py:1, called from app.py:1"
    watched.beat(1550 * MS)
    assert str(watched.conditions(0, 1600 * MS).by) == "/a: b.py:2, called from app.py:1"


def test_a_block_is_shown_while_it_lasts(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Others see each change of what most of it was, and its end."""
    attribution.sources = iter(lines("a.py:1", "a.py:1", *["b.py:2"] * 9))
    watched.look(1101 * MS, 1101 * MS)
    assert attribution.shown == []
    for now in (1200, 1300, 1500, 1700):
        watched.look(now * MS, now * MS)
    watched.beat(1750 * MS)
    first, second = (f"/a: {line}, called from app.py:1" for line in ("a.py:1", "b.py:2"))
    assert attribution.shown == [first, second, ""]


def test_a_block_of_a_loop_that_has_stopped_is_hidden(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A loop that is stopped while it is blocked, as by an exception, is not shown for ever."""
    attribution.sources = iter(lines(*["a.py:1"] * 9))
    watched.look(1300 * MS, 1300 * MS)
    loop, watched.loop = watched.loop, None
    watched.look(1350 * MS, 1350 * MS)
    line = "/a: a.py:1, called from app.py:1"
    assert attribution.shown == [line, ""]
    watched.loop = loop
    watched.beat(5000 * MS)
    watched.look(5300 * MS, 5300 * MS)
    watched._run = lambda: None  # the loop runs anew
    watched.beat(9000 * MS)
    assert attribution.shown == [line, "", line, ""]


class Waits(ProcessorWaits):
    """What a thread waited for a processor, in milliseconds since the last beat."""

    def __init__(self, *waited: int) -> None:
        super().__init__()
        self.future = iter(waited)
        self.unclear: set[int] = set()

    def waited(self) -> int:
        return next(self.future) * MS

    def may_wait(self, now: int) -> bool:
        return now in self.unclear


def test_without_a_processor_no_line_is_to_blame(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A thread that waits for a processor is somewhere in its code, which is no cause."""
    attribution.sources = iter(lines("a.py:1", "a.py:1", "a.py:1"))
    watched.waits = Waits(150, 200, 240, 240)
    for now in (1101, 1200, 1250):
        watched.look(now * MS, now * MS)
    assert attribution.shown == []
    assert watched.conditions(0, 1300 * MS).by == NO_PROCESSOR
    watched.beat(1300 * MS)
    assert attribution.ns_by_route == {"": 275 * MS}
    assert attribution.firsts == [""]
    assert attribution.logged == [(NO_PROCESSOR, 275 * MS, True)]


def test_what_may_be_a_wait_is_counted_when_that_is_known(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A thread that is ready to run may have waited or slept: the next look or the beat tells."""
    attribution.sources = iter(lines(*["a.py:1"] * 3))
    watched.waits = waits = Waits(0, 40)
    waits.unclear = {1200 * MS, 1250 * MS}
    for now in (1200, 1250):
        watched.look(now * MS, now * MS)
    assert attribution.ns_by_route == {}
    watched.look(1300 * MS, 1300 * MS)
    assert attribution.ns_by_route == {"/a": 275 * MS}
    watched.beat(1400 * MS)
    assert attribution.ns_by_route == {"/a": 335 * MS, "": 40 * MS}


def test_a_line_that_ran_for_long_enough_is_to_blame_for_what_it_ran(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Code that holds the loop on a busy machine has its own time, and the wait has no route."""
    attribution.sources = iter(lines("a.py:1", "a.py:1", "a.py:1"))
    watched.waits = Waits(100, 130, 200)
    for now in (1200, 1250):
        watched.look(now * MS, now * MS)
    assert attribution.ns_by_route == {}
    watched.look(1400 * MS, 1400 * MS)
    assert attribution.ns_by_route == {"/a": 175 * MS, "": 200 * MS}
    watched.waits = Waits(300)
    watched.beat(1500 * MS)
    assert attribution.ns_by_route == {"/a": 175 * MS, "": 300 * MS}
    assert attribution.firsts == ["/a"]
    assert attribution.logged == [(BlockSource("/a", ("a.py:1", "app.py:1")), 475 * MS, True)]


def test_a_loop_that_was_stopped_in_between_was_not_blocked(attribution: BlockAttribution) -> None:
    """A loop that runs once for each invocation is late by the time between two of them."""
    loop = asyncio.new_event_loop()
    watched = WatchedLoop([attribution], THRESHOLD, PERIOD, loop, threading.get_ident())

    async def invocation(*beats: int) -> int:
        late = [watched.beat(at * MS) for at in beats]
        assert blocked_between(watched, 0, beats[0] * MS) == 0
        return late[-1]

    assert loop.run_until_complete(invocation(1000, 1050)) == 0
    assert blocked_between(watched, 2000 * MS, 3000 * MS) == 0
    assert loop.run_until_complete(invocation(9000, 9050)) == 0
    assert attribution.ns_by_route == {}
    assert loop.run_until_complete(invocation(9100, 9300)) == 150 * MS
    assert attribution.ns_by_route == {"_UNKNOWN": 175 * MS}
    loop.close()


def test_a_block_of_two_applications_is_counted_once() -> None:
    """Applications on one loop share one file: a block is counted by the first of them alone."""
    first, second = BlockAttribution(), BlockAttribution()
    watched = WatchedLoop([first, second], THRESHOLD, PERIOD)
    watched.beat(1000 * MS)
    watched.beat(1250 * MS)
    assert (first.ns_by_route, second.ns_by_route) == ({"_UNKNOWN": 225 * MS}, {})
    assert (first.firsts, second.firsts) == (["_UNKNOWN"], [])
    assert (len(first.logged), second.logged) == (1, [])


class Holders(GilHolders):
    """Threads that keep the GIL; both are this one, which has a stack."""

    def holders(self, ns: int, *, on_loop: bool = False) -> list[int]:
        return [threading.get_ident()] * 2


def test_a_thread_that_keeps_the_gil_has_the_time(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Of the busiest threads, it is one that works for a request, and not what the loop does."""
    watched.holders = Holders()
    attribution.sources = iter(lines(*["loop.py:1"] * 9))
    burn, idle = BlockSource("/burn", ("app.py:5",), "gil"), BlockSource("", ("pool.py:1",), "gil")
    attribution.threads = [idle, burn, idle, burn]
    watched.look(1200 * MS, 1200 * MS)
    watched.look(1250 * MS, 1250 * MS)
    watched.beat(1300 * MS)
    assert attribution.ns_by_route == {"/burn": 275 * MS}
    assert attribution.logged == [(burn, 275 * MS, True)]
    assert attribution.shown == ["/burn: a thread kept the GIL: app.py:5", ""]


def test_a_block_without_a_look_may_have_a_thread(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """Where the watching thread got the GIL after the loop, the loop itself finds who had it."""
    watched.holders = Holders()
    burn = BlockSource("/burn", ("app.py:5",), "gil")
    attribution.threads = [burn, burn]
    watched.beat(1300 * MS)
    assert attribution.logged == [(burn, 275 * MS, True)]


@pytest.mark.parametrize(
    ("waited", "alone", "cause"),
    [(0, True, "native"), (150, True, "code"), (0, False, "code")],
)
def test_native_code_keeps_the_gil_from_all_threads(
    watched: WatchedLoop, attribution: BlockAttribution, waited: int, cause: str, *, alone: bool
) -> None:
    """A look that is late for another reason than a busy machine or busy threads says so."""
    watched.holders.is_alone = alone
    watched.holders.holders = lambda *_, **__: []  # type: ignore[method-assign] # a stand-in
    attribution.names = iter(["/a"])
    watched.look(1050 * MS, 1250 * MS, waited * MS)
    watched.beat(1260 * MS)
    assert [source.cause for source, _, _ in attribution.logged] == [cause]


def test_a_quota_is_named_where_it_was_used_up(
    watched: WatchedLoop, attribution: BlockAttribution
) -> None:
    """A wait for a processor of which at least half was throttled counts as a quota."""
    attribution.sources = iter(lines("a.py:1", "a.py:1"))
    watched.waits = Waits(150, 240)
    watched.throttled.look = lambda: setattr(watched.throttled, "seen", 100 * MS)  # type: ignore[method-assign] # a stand-in
    watched.look(1101 * MS, 1101 * MS)
    watched.look(1200 * MS, 1200 * MS)
    watched.beat(1300 * MS)
    assert attribution.ns_by_route == {"": 275 * MS}
    assert attribution.logged == [(THROTTLED, 275 * MS, True)]
