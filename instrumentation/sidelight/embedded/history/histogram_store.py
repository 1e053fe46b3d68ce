"""The native histograms of a stream: each is stored once, and the word of a sample has its number.

Such a word is a NaN that no number has: its bits are neither a quiet NaN's nor a marker's.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.history.encoding import ABSENT, SampleBits
from sidelight.embedded.history.packed_histogram import PackedHistogram, pack, unpack
from sidelight.embedded.promql.float_histogram import FloatHistogram

_NUMBER_BITS: Final = 48
_KIND: Final = 0x7FF4
_FIRST: Final = _KIND << _NUMBER_BITS
PackedHistograms = Mapping[int, PackedHistogram]


class HistogramStore:
    """Packed histograms by number; ``next`` is the number of the next one, ``size`` in bytes.

    Numbers ascend with time. A number in ``packed`` keeps its histogram, so that a snapshot may
    have the mapping; what is dropped is missing in another one.
    """

    def __init__(self) -> None:
        self.packed: dict[int, PackedHistogram] = {}
        self.next = 0
        self.size = 0

    def word(self, histogram: FloatHistogram, last: int) -> int:
        """Return the word of a sample: the series' last one if its histogram is the same."""
        before = self.packed.get(last - _FIRST)
        made = pack(histogram, before)
        if made == before:
            return last
        number, self.next = self.next, self.next + 1
        self.packed[number] = made
        shared = before is not None and made.layout is before.layout
        self.size += made.size + (0 if shared else made.layout.size)
        return _FIRST + number

    def keep(self, first: int, words: SampleBits) -> None:
        """Drop the histograms before a number, but for those of these words."""
        kept = set((words[is_histogram(words)] - _FIRST).tolist())
        self.packed = {n: one for n, one in self.packed.items() if n >= first or n in kept}
        layouts = {id(one.layout): one.layout.size for one in self.packed.values()}
        self.size = sum(one.size for one in self.packed.values()) + sum(layouts.values())


def is_histogram(words: SampleBits) -> NDArray[np.bool_]:
    """Return which words are those of histograms."""
    found: NDArray[np.bool_] = np.equal(words >> _NUMBER_BITS, _KIND)
    return found


def take_histograms(words: SampleBits, packed: PackedHistograms) -> NDArray[np.object_] | None:
    """Return the histograms of words, None for others; their words become `ABSENT`."""
    where = is_histogram(words)
    if not where.any():
        return None
    table = np.full(words.shape, None)
    numbers = (words[where] - _FIRST).tolist()
    known = {number: unpack(packed[number]) for number in set(numbers)}
    table[where] = [known[number] for number in numbers]
    words[where] = ABSENT
    return table
