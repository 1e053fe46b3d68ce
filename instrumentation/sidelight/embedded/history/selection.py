"""The history as one query sees it."""

import time
from collections.abc import Sequence
from typing import Self

from sidelight.embedded.history.history import History
from sidelight.embedded.history.reading import Blocks
from sidelight.embedded.promql.errors import QueryError, failed
from sidelight.embedded.promql.limits import TOO_MANY, Limits
from sidelight.embedded.promql.source import Block, Matcher

LIGHT = 1_000_000
"""Samples up to which a query may run beside others; of larger ones there is one at a time."""


class Selection:
    """Samples that one query selects, as many in all as its limits allow.

    As a context it gives back, when it is left, the turn that a large query needs.
    """

    def __init__(self, history: History, limits: Limits) -> None:
        self._history = history
        self._most = limits.samples
        self._until = time.monotonic() + limits.seconds
        self._selected = 0
        self._large = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._large:
            self._history.large.release()

    def select(self, matchers: Sequence[Matcher], after: int, until: int) -> Sequence[Block]:
        """What matches, with its samples of ``after`` < time <= ``until`` (milliseconds).

        Blocks are made when they are looked at. Raises `QueryError` where a query asks for too
        many, or where its turn doesn't come in time.
        """
        readings = self._history.select(matchers, after, until)
        self._selected += sum(one.samples for one in readings)
        if self._selected > self._most:
            raise failed(TOO_MANY)
        if self._selected > LIGHT and not self._large:
            self._large = self._history.large.acquire(
                timeout=max(0.0, self._until - time.monotonic())
            )
            if not self._large:
                raise QueryError("timeout", "query timed out in query queue")
        return Blocks(readings)
