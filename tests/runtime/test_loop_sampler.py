"""A loop is sampled at even times, and a look that came late is told from one in time."""

import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest

from sidelight.runtime import loop_sampler, watchdog
from sidelight.runtime.line_use import LineUse
from sidelight.runtime.loop_sampler import LoopSampler, Work
from sidelight.runtime.watched_loop import WatchedLoop

MS = 1_000_000


class Use:
    """What a sampler writes to."""

    def __init__(self) -> None:
        self.is_busy = True
        self.in_step = False
        self.samples: list[tuple[int, str]] = []
        self.lines = LineUse(lambda *_: None)

    def add_sample(self, now: int, route: str) -> None:
        """Note a sample, in ms."""
        self.samples.append((now // MS, route))


class Sampled(LoopSampler):
    """A sampler of a loop that works for the routes that a test sets."""

    def __init__(self, *routes: str) -> None:
        self.use = Use()
        self._routes = iter(routes)
        super().__init__(cast("Any", self.use))

    def look(self, planned: int, now: int) -> None:
        """A look that was planned for a time, and came at another, in ms."""
        self.sample(0, planned * MS, now * MS, lambda _: Work(next(self._routes)))


@pytest.fixture(autouse=True)
def stack(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a stack to look at, whatever the interpreter."""
    monkeypatch.setattr(loop_sampler, "frame_of", lambda _: object())


def test_a_late_look_puts_off_no_other() -> None:
    """Looks at a computation come late, those at an idle loop don't: both count for as long."""
    sampler = Sampled("/burn", "/burn", "")
    sampler.look(100, 105)
    assert sampler.next_sample(106 * MS, 0) == 120 * MS
    sampler.look(120, 125)
    sampler.look(140, 140)
    assert sampler.use.samples == [(100, "/burn"), (120, "/burn"), (140, "")]


def test_a_very_late_look_stands_for_those_that_it_missed() -> None:
    """The next one is at a time that was planned before, and not in the past."""
    sampler = Sampled("/burn")
    sampler.look(100, 147)
    assert sampler.use.samples == [(140, "/burn")]
    assert sampler.next_sample(148 * MS, 0) == 160 * MS
    assert sampler.next_sample(500 * MS, 0) == 500 * MS


@pytest.mark.parametrize(("late", "route"), [(4, "/burn"), (0, "")])
def test_what_has_ended_before_a_late_look(late: int, route: str) -> None:
    """A look that was kept from the GIL is of what the one before saw, and the next is not."""
    sampler = Sampled("/burn", "", "")
    sampler.look(100, 105)
    sampler.look(120, 120 + late)
    sampler.look(140, 140 + late)
    assert sampler.use.samples == [(100, "/burn"), (120, route), (140, "")]


def test_a_clocked_step_is_no_routes() -> None:
    """The extension counts it, so a look at it says that nothing else ran, also if it is late."""
    sampler = Sampled("/task", "/burn")
    sampler.look(100, 105)
    sampler.use.in_step = True
    sampler.look(120, 125)
    assert sampler.use.samples == [(100, "/task"), (120, "")]


def test_a_route_that_cannot_be_read() -> None:
    """A request that ends meanwhile leaves a sample without a route."""
    sampler = Sampled()  # its next route raises StopIteration
    sampler.look(100, 100)
    assert sampler.use.samples == [(100, "")]


def test_an_idle_loop_is_not_sampled() -> None:
    """Only once its heartbeat is late."""
    sampler = Sampled()
    sampler.use.is_busy = False
    assert sampler.next_sample(10 * MS, 50 * MS) == 70 * MS
    assert not sampler.is_wanted(70 * MS, 150 * MS)
    assert sampler.is_wanted(70 * MS, 50 * MS)


class Loop:
    """An event loop, as far as it is watched."""

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False


class Noted:
    """Notes what is done in turn, in place of the waits of a thread and of a sampler."""

    def __init__(self, name: str, done: list[str]) -> None:
        self._name, self._done = name, done

    def restart(self, _: int) -> None:
        self._done.append(self._name)

    def waited(self) -> int:
        self._done.append(self._name)
        return 0

    def next_sample(self, now: int, _: int) -> int:
        return now + 5 * MS

    def is_wanted(self, *_: int) -> bool:
        return True

    def sample(self, *_: object) -> None:
        self._done.append(self._name)


class Looked(WatchedLoop):
    """A loop that is looked at every 50 ms."""

    done: list[str]

    def next_look(self, now: int) -> int:
        """The time of the next look."""
        return now + 50 * MS

    def look(self, *_: int) -> None:
        """Note a look."""
        self.done.append("look")


class Stop(threading.Event):
    """Ends the watching thread's work after so many waits."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self._waits = waits

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep. Whether it is enough."""
        time.sleep(timeout or 0)
        self._waits -= 1
        return self._waits < 0


@pytest.fixture
def alone() -> Iterator[None]:
    """No thread watches loops, such as those of other tests."""
    thread = watchdog._thread
    watchdog._before_fork()
    if thread is not None:
        thread.join()
    yield
    watchdog._after_fork_in_parent()


@pytest.mark.usefixtures("alone")
def test_no_file_is_read_for_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading gives up the GIL, and would delay a sample until what it is about has ended."""
    done: list[str] = []
    watched = Looked([], 100 * MS, 50 * MS, sampler=cast("Any", Noted("sample", done)))
    watched.loop, watched.due = cast("Any", Loop()), time.monotonic_ns() + 600_000 * MS
    watched.done = done
    with monkeypatch.context() as patched:
        patched.setattr(watchdog, "ProcessorWaits", lambda _: Noted("file", done))
        patched.setattr(watchdog, "_watched_loops", {watched})
        watchdog._run(Stop(40))
    assert done.count("sample") >= 20
    assert done.count("look") >= 3
    assert done.count("file") == 1 + 2 * done.count("look")
    assert done[-1 - done[::-1].index("look") - 1] == "file"  # right before a look
