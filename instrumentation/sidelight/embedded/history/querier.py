"""The history as one query reads it."""

import time
from collections.abc import Sequence
from typing import Self

from sidelight.embedded.history.history import History
from sidelight.embedded.history.reader import LazyBlocks
from sidelight.embedded.promql.limits import TOO_MANY, QueryError, QueryLimits, execution_error
from sidelight.embedded.promql.storage import LabelMatcher, SampleBlock

LARGE_QUERY = 1_000_000
"""A query that selects more samples than this runs alone among such queries."""


class HistoryQuerier:
    """Selects samples for one query, within its limits.

    On exit from the context it releases the lock that a large query holds.
    """

    def __init__(self, history: History, limits: QueryLimits) -> None:
        self._history = history
        self._max_samples = limits.samples
        self._deadline = time.monotonic() + limits.seconds
        self._selected = 0
        self._large = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._large:
            self._history.large.release()

    def select(
        self, matchers: Sequence[LabelMatcher], after: int, until: int
    ) -> Sequence[SampleBlock]:
        """Return the series that match, with their samples of ``after`` < time <= ``until`` (ms).

        Blocks are made when they are read. Raises `QueryError` if the query selects too many
        samples, or if it does not get the lock for large queries in time.
        """
        readers = self._history.select(matchers, after, until)
        self._selected += sum(one.samples for one in readers)
        if self._selected > self._max_samples:
            raise execution_error(TOO_MANY)
        if self._selected > LARGE_QUERY and not self._large:
            self._large = self._history.large.acquire(
                timeout=max(0.0, self._deadline - time.monotonic())
            )
            if not self._large:
                raise QueryError("timeout", "query timed out in query queue")
        return LazyBlocks(readers)
