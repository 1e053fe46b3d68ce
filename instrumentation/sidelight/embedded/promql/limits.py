"""How much one query may take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sidelight.embedded.promql.errors import QueryError, failed

TOO_MANY: Final = "query processing would load too many samples into memory in query execution"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one query.

    ``seconds``: from start to answer. ``samples``: in memory at a time, of one selection, or of
    one result and of those that wait for it. ``points``: of one series of the answer. ``steps``:
    of one subquery; the tables that functions make of a row are several times as long. ``text``:
    characters. ``depth``: brackets and operators. ``label``: characters of a label value that a
    function makes.
    """

    seconds: float = field(default=5.0, compare=False)  # else no query would be known again
    samples: int = 5_000_000
    points: int = 11_000
    steps: int = 1_000_000
    text: int = 10_000
    depth: int = 100
    label: int = 4_096


class Budget:
    """What is left to one query of its limits."""

    __slots__ = ("_end", "_held", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._end = time.monotonic() + limits.seconds
        self._held = 0

    def check(self) -> None:
        """Raise if time is up."""
        if time.monotonic() > self._end:
            raise QueryError("timeout", "query timed out in expression evaluation")

    def room(self, samples: int) -> None:
        """Raise if time is up, or if this many samples are too many beside those that are held."""
        self.check()
        if samples + self._held > self.limits.samples:
            raise failed(TOO_MANY)

    def subquery(self, steps: int) -> None:
        """As above, of the steps of a subquery."""
        self.room(steps)
        if steps > self.limits.steps:
            raise failed(TOO_MANY)

    @contextmanager
    def holding(self, samples: int) -> Iterator[None]:
        """So many samples wait in memory for what the block makes."""
        self._held += samples
        try:
            yield
        finally:
            self._held -= samples

    def steps(self, number: int) -> None:
        """Raise if a series of the answer would have too many points."""
        if number > self.limits.points:
            raise QueryError(
                "bad_data",
                f"exceeded maximum resolution of {self.limits.points:,} points per timeseries. "
                "Try decreasing the query resolution (?step=XX)",
            )
