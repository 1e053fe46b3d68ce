"""Which lines of the application's code keep an event loop busy, by samples."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from sidelight.cardinality import LineLimiter
from sidelight.contract import CODE, METRICS, OTHER, Metric

LINE: Final = METRICS["asyncio_event_loop_line_seconds_total"]
LEAST: Final = 100_000_000
"""Nanoseconds after which a line is counted: shorter ones are not worth a series."""
MOST_PENDING: Final = 512
MOST_SAMPLES: Final = 8192
OTHER_LINE: Final = (OTHER,) * len(CODE)

Line = tuple[str, ...]
"""A route, and a line of code as the labels ``code_…`` have it."""
Count = Callable[[Metric, tuple[str, ...], int], None]


class LineUse:
    """The lines of one event loop. Samples come from another thread, beats from the loop."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._limit = LineLimiter(OTHER_LINE)
        self._samples: list[Line | None] = []
        self._pending: Counter[Line] = Counter()

    def add_sample(self, line: Line | None) -> None:
        """What the loop ran in this moment; None where it is no code of the application's."""
        if len(self._samples) < MOST_SAMPLES:  # the next beat may never come
            self._samples.append(line)

    def beat(self, busy: int) -> None:
        """Count the busy time since the last beat, in ns, by the share of samples of each line."""
        samples, self._samples = self._samples, []
        found = Counter(line for line in samples if line is not None)
        for line, many in found.items():
            self._pending[line] += busy * many // len(samples)
            if self._pending[line] >= LEAST:
                self._count_line(line, self._pending.pop(line))
        if len(self._pending) > MOST_PENDING:
            self._pending = _largest(self._pending)

    def _count_line(self, line: Line, ns: int) -> None:
        route, *place = line
        self._count(LINE, (route, *self._limit(route, tuple(place))), ns)


def _largest(pending: Mapping[Line, int]) -> Counter[Line]:
    """Half of the lines that may be counted later: those with the most time."""
    return Counter(dict(Counter(pending).most_common(MOST_PENDING // 2)))
