"""Who keeps an event loop busy, and whose requests wait for it meanwhile.

The native extension clocks the steps of requests where they pass the router. A wait for the loop is
charged to the routes whose steps lay in it, each with its share of the time.
"""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from sidelight.contract import METRICS, Metric
from sidelight.runtime.loop_clock import LoopClock

MOST_STEPS = 8192
MOST_WAITS = 4096
"""Long steps that are remembered, and waits between two heartbeats; more have no route."""
BUSY = METRICS["asyncio_event_loop_busy_seconds_total"]
CAUSED = METRICS["fastapi_queue_seconds_caused_total"]
Count = Callable[[Metric, tuple[str, ...], int], None]
Span = tuple[int, int]
Step = tuple[int, int, int]
"""When a step began and ended (CLOCK_MONOTONIC, ns), and the word that counts its route's."""


class LoopUse:
    """What the busy time of one event loop was used for, counted at each heartbeat.

    ``routes`` are by the word of the file that counts their busy time.
    """

    def __init__(self, clock: LoopClock, count: Count) -> None:
        self.routes: dict[int, str] = {}
        self._clock = clock
        self._count = count
        self._routed = 0
        self._uncounted = 0
        self._waits: list[Span] = []
        self._more = 0
        self._steps: deque[Step] = deque(maxlen=MOST_STEPS)

    def add_wait(self, start: int, end: int) -> None:
        """A request waited for the loop in this span."""
        if len(self._waits) < MOST_WAITS:
            self._waits.append((start, end))
        else:
            self._more += end - start

    def beat(self, now: int) -> None:
        """Count what was used since the last heartbeat. Called on the loop."""
        self._count_rest(self._clock.beat(now))
        self._steps.extend(self._clock.take_steps())
        if self._waits:
            self._charge()

    def _count_rest(self, busy: int) -> None:
        """Count what of the busy time no route was counted for."""
        routed = self._clock.routed
        self._uncounted += busy - (routed - self._routed)
        self._routed = routed
        if self._uncounted > 0:
            self._count(BUSY, ("",), self._uncounted)
            self._uncounted = 0

    def _charge(self) -> None:
        waits, rest = self._waits, self._more
        self._waits, self._more = [], 0
        rest += sum(end - start for start, end in waits)
        for word, ns in charges(waits, self._steps).items():
            if word in self.routes:
                self._count(CAUSED, (self.routes[word],), ns)
                rest -= ns
        if rest > 0:
            self._count(CAUSED, ("",), rest)


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
