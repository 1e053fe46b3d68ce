"""The limits of one query, what it has used of them, and the errors that end it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from sidelight.errors import SidelightError

ErrorType = Literal["bad_data", "execution", "timeout", "canceled", "internal"]
TOO_MANY: Final = "query processing would load too many samples into memory in query execution"
BATCH_CELLS: Final = 1 << 18
"""Cells of a table that are processed at a time: about the size of a processor's cache."""


class QueryError(SidelightError):
    """A query has no answer. ``kind`` is the ``errorType`` of Prometheus's HTTP API."""

    def __init__(self, kind: ErrorType, message: str) -> None:
        super().__init__(message)
        self.kind: ErrorType = kind
        self.message = message


def bad_data(message: str) -> QueryError:
    """The text of the query is invalid."""
    return QueryError("bad_data", message)


def execution_error(message: str) -> QueryError:
    """The query can't be executed over the samples that there are."""
    return QueryError("execution", message)


def parse_error(problem: str, where: str = "") -> QueryError:
    """The text is not a query; ``where`` is ``line:column:`` if the position is known."""
    return bad_data(f"{where} parse error: {problem}".lstrip())


def unsupported(what: str) -> QueryError:
    """Prometheus supports this and Sidelight does not; the message names it."""
    return bad_data(f"{what} is not supported here: ask a Prometheus")


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The limits of one query.

    ``seconds`` from its start to its answer. ``samples`` in memory at a time: of one selector, or
    of one intermediate result and those that are kept for a later operator. ``points`` of one
    series of the answer. ``steps`` of one subquery; functions make tables several times as long.
    ``text``: characters of the query. ``depth``: brackets and operators. ``label``: characters of
    a label value that a function makes. ``lookback``: milliseconds, Prometheus's lookback delta: an
    older sample is not the current value.
    """

    seconds: float = field(
        default=5.0, compare=False
    )  # a parsed query is cached by the limits that compare
    samples: int = 5_000_000
    points: int = 11_000
    steps: int = 1_000_000
    text: int = 10_000
    depth: int = 100
    label: int = 4_096
    lookback: int = field(default=300_000, compare=False)


class QueryUsage:
    """The time and the samples in memory that a query has used."""

    __slots__ = ("_end", "_held", "limits")

    def __init__(self, limits: QueryLimits) -> None:
        self.limits = limits
        self._end = time.monotonic() + limits.seconds
        self._held = 0

    def check_time(self) -> None:
        """Raise `QueryError` if the time is up."""
        if time.monotonic() > self._end:
            raise QueryError("timeout", "query timed out in expression evaluation")

    def check_samples(self, samples: int) -> None:
        """Raise `QueryError` if the time is up, or if these and the held samples are too many."""
        self.check_time()
        if samples + self._held > self.limits.samples:
            raise execution_error(TOO_MANY)

    def check_subquery(self, steps: int) -> None:
        """Raise `QueryError` as `check_samples`, or if a subquery has too many steps."""
        self.check_samples(steps)
        if steps > self.limits.steps:
            raise execution_error(TOO_MANY)

    @contextmanager
    def hold(self, samples: int) -> Iterator[None]:
        """Count these samples as held in memory while the block runs."""
        self._held += samples
        try:
            yield
        finally:
            self._held -= samples

    def check_points(self, number: int) -> None:
        """Raise `QueryError` if a series of the answer would have too many points."""
        if number > self.limits.points:
            raise QueryError(
                "bad_data",
                f"exceeded maximum resolution of {self.limits.points:,} points per timeseries. "
                "Try decreasing the query resolution (?step=XX)",
            )
