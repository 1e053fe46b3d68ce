"""The history as one query sees it."""

from collections.abc import Sequence

from sidelight.promql.errors import failed
from sidelight.promql.source import Block, Matcher
from sidelight.sidecar.history.history import History
from sidelight.sidecar.history.reading import Blocks

TOO_MANY = "query processing would load too many samples into memory in query execution"


class Selection:
    """Samples that can be selected, ``most`` of them in all."""

    def __init__(self, history: History, most: int) -> None:
        self._history = history
        self._left = most

    def select(self, matchers: Sequence[Matcher], after: int, until: int) -> Sequence[Block]:
        """What matches, with its samples of ``after`` < time <= ``until`` (milliseconds).

        Blocks are made when they are looked at, so that a few of them are in memory at a time.
        Raises `QueryError` where a query asks for too many.
        """
        readings = self._history.select(matchers, after, until)
        self._left -= sum(one.samples for one in readings)
        if self._left < 0:
            raise failed(TOO_MANY)
        return Blocks(readings)
