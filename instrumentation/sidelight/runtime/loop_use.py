"""Who keeps an event loop busy, and whose requests wait for it meanwhile.

The native extension clocks the steps of requests where they pass the router, and `loop_sampler`
samples what else there is. A wait for the loop is charged to the routes whose steps, or the time
before whose samples, lay in it, each with its share of the time.
"""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from sidelight.contract import METRICS
from sidelight.runtime.line_use import Count, LineUse
from sidelight.runtime.loop_clock import LoopClock

MOST_STEPS = 8192
MOST_WAITS = 4096
"""Long steps that are remembered, and waits between two heartbeats; more have no route."""
BUSY_LEAST = 5_000_000
"""Nanoseconds between two heartbeats; a loop that is busy for less is not sampled."""
MOST_APART = 40_000_000
"""Nanoseconds between two samples in a row; the first of others stands for all since the beat."""
BUSY = METRICS["asyncio_event_loop_busy_seconds_total"]
CAUSED = METRICS["fastapi_queue_seconds_caused_total"]
Span = tuple[int, int]
K = TypeVar("K")
Sample = tuple[int, str]
Step = tuple[int, int, int]
"""When a step began and ended (CLOCK_MONOTONIC, ns), and the word that counts its route's."""


class LoopUse:
    """What the busy time of one event loop was used for, counted at each heartbeat.

    ``routes`` are by the word of the file that counts their busy time; those of samples, which have
    none, are by a negative number. ``is_busy`` is whether there is something to sample.
    """

    def __init__(self, clock: LoopClock, count: Count) -> None:
        self.routes: dict[int, str] = {}
        self.is_busy = False
        self.lines = LineUse(count)
        self._clock = clock
        self._count = count
        self._routed = 0
        self._uncounted = 0
        self._beat = 0
        self._waits: list[Span] = []
        self._more = 0
        self._samples: list[Sample] = []
        self._last_sample = 0
        self._sampled: dict[str, int] = {}
        self._steps: deque[Step] = deque(maxlen=MOST_STEPS)

    @property
    def in_step(self) -> bool:
        """Whether the loop runs a step that is clocked."""
        return self._clock.in_step > 0

    def add_wait(self, start: int, end: int) -> None:
        """A request waited for the loop in this span."""
        if len(self._waits) < MOST_WAITS:
            self._waits.append((start, end))
        else:
            self._more += end - start

    def add_sample(self, now: int, route: str) -> None:
        """At this time the loop worked for a route; empty where it did not, or in a step.

        Called by another thread.
        """
        if len(self._samples) < MOST_STEPS:  # its heartbeat may never come
            self._samples.append((now, route))

    def beat(self, now: int) -> None:
        """Count what was used since the last heartbeat. Called on the loop."""
        busy = self._clock.beat(now)
        self.is_busy = busy >= BUSY_LEAST
        samples, self._samples = self._samples, []
        sampled = list(self._sampled_steps(samples))
        self._count_rest(busy, sampled)
        self.lines.beat(busy)
        self._beat = now
        self._steps.extend(self._clock.take_steps())
        self._steps.extend(sampled)
        if self._waits:
            self._charge()

    def _sampled_steps(self, samples: Iterable[Sample]) -> Iterator[Step]:
        """The time before each sample, back to the one before it, as a step of its route."""
        for now, route in samples:
            start, self._last_sample = self._last_sample, now
            if now - start > MOST_APART:
                start = max(start, self._beat)
            if route and start < now:
                word = self._sampled.setdefault(route, -1 - len(self._sampled))
                self.routes[word] = route
                yield start, now, word

    def _count_rest(self, busy: int, sampled: Iterable[Step]) -> None:
        """Count what of the busy time was not clocked, as much for each route as was sampled."""
        routed = self._clock.routed
        self._uncounted += busy - (routed - self._routed)
        self._routed = routed
        if self._uncounted <= 0:
            return
        found: Counter[int] = Counter()
        for start, end, word in sampled:
            found[word] += end - start
        for word, ns in limited(found, self._uncounted).items():
            self._count(BUSY, (self.routes[word],), ns)
            self._uncounted -= ns
        self._count(BUSY, ("",), self._uncounted)
        self._uncounted = 0

    def _charge(self) -> None:
        waits, rest = self._waits, self._more
        self._waits, self._more = [], 0
        whole = sum(end - start for start, end in waits)
        rest += whole
        known = {
            word: ns for word, ns in charges(waits, self._steps).items() if word in self.routes
        }
        for word, ns in limited(known, whole).items():
            self._count(CAUSED, (self.routes[word],), ns)
            rest -= ns
        if rest > 0:
            self._count(CAUSED, ("",), rest)


def limited(parts: Mapping[K, int], whole: int) -> dict[K, int]:
    """Parts that are together at most a whole, each of them smaller by the same share."""
    together = max(sum(parts.values()), whole, 1)
    return {name: part * whole // together for name, part in parts.items()}


def charges(waits: Sequence[Span], steps: Iterable[Step]) -> Counter[int]:
    """How much of all waits together lay in the steps of each word, in ns."""
    changes = sorted([(start, 1) for start, _ in waits] + [(end, -1) for _, end in waits])
    times = [time for time, _ in changes]
    waiting: list[int] = []
    waited: list[int] = []
    for at, (time, change) in enumerate(changes):
        before = waiting[-1] if waiting else 0
        waited.append(waited[-1] + before * (time - times[at - 1]) if at else 0)
        waiting.append(before + change)

    def waited_until(time: int) -> int:
        at = bisect_right(times, time) - 1
        return waited[at] + waiting[at] * (time - times[at]) if at >= 0 else 0

    found: Counter[int] = Counter()
    for start, end, word in steps:
        if ns := waited_until(end) - waited_until(start):
            found[word] += ns
    return found
