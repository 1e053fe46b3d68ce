"""A counter as Prometheus has it: a value every 30 seconds, and resets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.objectives.clock import EVERY


@dataclass(frozen=True, slots=True)
class Counter:
    """Samples of one series, ``EVERY`` seconds apart without a gap, from ``first`` on."""

    first: float
    values: Sequence[int]
    risen: list[int] = field(init=False)  # what was added since the first sample, resets undone

    def __post_init__(self) -> None:
        risen = [0]
        for before, value in zip(self.values, self.values[1:], strict=False):
            risen.append(risen[-1] + (value - before if value >= before else value))
        object.__setattr__(self, "risen", risen)

    @property
    def last(self) -> float:
        """When the last sample was taken."""
        return self.first + EVERY * (len(self.values) - 1)
