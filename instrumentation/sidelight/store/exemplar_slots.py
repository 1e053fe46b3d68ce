"""Which of a worker's exemplars gives its slot to the next."""

from collections import OrderedDict


class ExemplarSlots:
    """The slots of a number of exemplars, by the series and bucket that each is of.

    ``dropped`` is when the newest exemplar that gave its slot away was made; 0 before.
    """

    def __init__(self, slots: int) -> None:
        self.dropped = 0.0
        self._slots = slots
        self._used: OrderedDict[tuple[int, int], tuple[int, float]] = OrderedDict()

    def take(self, bucket: tuple[int, int], seconds: float) -> int:
        """The slot of a bucket's exemplar of now: its own, a free one, or that of the oldest."""
        found = self._used.pop(bucket, None)
        slot = len(self._used) if found is None else found[0]
        if slot == self._slots:
            _, (slot, self.dropped) = self._used.popitem(last=False)
        self._used[bucket] = slot, seconds
        return slot
