"""How long the event loop was held, seen from inside it."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns, thread_time_ns


class Held:
    """A callback that runs in every turn of the loop, and notes the longest turn.

    It never sleeps, so no wake-up is late and no turn is missed. Time on the clock
    contains what the machine gave to others meanwhile; the thread's CPU time does not.
    """

    def __init__(self) -> None:
        self.running = False
        self.wall = self.cpu = 0
        self.at = self.cpu_at = 0

    def since(self, *, watch: bool) -> tuple[float, float]:
        """Tell the longest turn since the last question, in ms of clock and of CPU."""
        longest = self.wall / 1e6, self.cpu / 1e6
        self.wall = self.cpu = 0
        started, self.running = watch and not self.running, watch
        if started:
            self.at, self.cpu_at = perf_counter_ns(), thread_time_ns()
            asyncio.get_running_loop().call_soon(self._turn)
        return longest

    def _turn(self) -> None:
        at, cpu_at = perf_counter_ns(), thread_time_ns()
        self.wall = max(self.wall, at - self.at)
        self.cpu = max(self.cpu, cpu_at - self.cpu_at)
        self.at, self.cpu_at = at, cpu_at
        if self.running:
            asyncio.get_running_loop().call_soon(self._turn)
