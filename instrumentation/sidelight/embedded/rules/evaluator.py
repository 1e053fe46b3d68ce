"""Every group at its interval, beside the event loop."""

import logging
import time
from collections.abc import Iterable

import anyio
import anyio.to_thread

from sidelight.embedded.history.history import History
from sidelight.embedded.rules.definition import Group
from sidelight.embedded.rules.running import RunningGroup

logger = logging.getLogger("sidelight.sidecar")


class Evaluator:
    """Evaluates groups over a history, one group at a time."""

    def __init__(self, history: History, groups: Iterable[Group], after: float) -> None:
        """``after``: seconds until the first evaluation, so that there is something to see."""
        self.groups = [RunningGroup(number, group) for number, group in enumerate(groups)]
        self._history = history
        self._after = after
        self._thread = anyio.CapacityLimiter(1)

    @property
    def failures(self) -> int:
        """Evaluations of rules that failed."""
        return sum(rule.failures for group in self.groups for rule in group.rules)

    async def keep(self) -> None:
        """Evaluate for ever; an evaluation that can't be begun in its interval is left out."""
        await anyio.sleep(self._after)
        due = {number: time.monotonic() for number in range(len(self.groups))}
        while due:
            number = min(due, key=lambda one: due[one])
            await anyio.sleep(max(0.0, due[number] - time.monotonic()))
            group = self.groups[number]
            at = time.time_ns() // 1_000_000
            await anyio.to_thread.run_sync(group.evaluate, self._history, at, limiter=self._thread)
            seconds = group.group.interval / 1000
            missed = int((time.monotonic() - due[number]) // seconds)
            due[number] += seconds * (missed + 1)
