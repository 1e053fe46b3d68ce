"""The longest time for which an event loop was blocked, measured inside of it."""

from __future__ import annotations

import asyncio
from time import perf_counter_ns, thread_time_ns


class LongestTurn:
    """A callback that runs in every turn of the loop and stores the longest turn.

    It never sleeps, so it misses no turn. Wall-clock time includes the time that the machine gave
    to other processes; the CPU time of the thread does not.
    """

    def __init__(self) -> None:
        self.running = False
        self.wall = self.cpu = 0
        self.wall_start = self.cpu_start = 0

    def take(self, *, watch: bool) -> tuple[float, float]:
        """The longest turn since the last call, in wall-clock and CPU milliseconds."""
        longest = self.wall / 1e6, self.cpu / 1e6
        self.wall = self.cpu = 0
        started, self.running = watch and not self.running, watch
        if started:
            self.wall_start, self.cpu_start = perf_counter_ns(), thread_time_ns()
            asyncio.get_running_loop().call_soon(self._turn)
        return longest

    def _turn(self) -> None:
        wall, cpu = perf_counter_ns(), thread_time_ns()
        self.wall = max(self.wall, wall - self.wall_start)
        self.cpu = max(self.cpu, cpu - self.cpu_start)
        self.wall_start, self.cpu_start = wall, cpu
        if self.running:
            asyncio.get_running_loop().call_soon(self._turn)
