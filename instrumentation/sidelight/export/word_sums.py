"""The sums of series over files, word by word: natively where there is the extension."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from sidelight.export.snapshot import SeriesKey
from sidelight.extension import extension
from sidelight.store.file_index import unpacker
from sidelight.store.layout import WORD


class PythonSums(Mapping[SeriesKey, tuple[int, ...]]):
    """The sums of series, each on the boundaries that it is stored on.

    All words of a series are added as one number: one by one they take three times as long. A word
    that overflows carries into the next; one of nanoseconds does after 584 years.
    """

    def __init__(self, keys: Mapping[SeriesKey, None]) -> None:
        """For the series of which something is going to be added."""
        self._keys = keys
        self._sums: dict[int, int] = {}

    def add(self, data: bytes, places: memoryview, words: int) -> None:
        """Add so many words of each series of a file.

        Places are pairs of words: the byte at which the file has it, and `SeriesKey.at`.
        """
        sums, size, number = self._sums, words * WORD, int.from_bytes
        pairs = iter(places)
        for at, word in zip(pairs, pairs, strict=True):
            sums[word] = sums.get(word, 0) + number(data[at : at + size], "little")

    def __getitem__(self, key: SeriesKey) -> tuple[int, ...]:
        """All words of a series."""
        if key not in self._keys:
            raise KeyError(key)
        return self._words(key)

    def __iter__(self) -> Iterator[SeriesKey]:
        """The series of which anything was added."""
        return iter(self._keys)

    def __len__(self) -> int:
        """How many they are."""
        return len(self._keys)

    def classic(self, key: SeriesKey) -> tuple[int, ...]:
        """The words of a series in its classic buckets, each of which is the sum of its parts."""
        return self._parts_of(key) if key.family.native else self._words(key)

    def _words(self, key: SeriesKey) -> tuple[int, ...]:
        size = key.words * WORD
        lowest = self._sums[key.at] & ((1 << 8 * size) - 1)
        return unpacker(key.words)(lowest.to_bytes(size, "little"), 0)

    def _parts_of(self, key: SeriesKey) -> tuple[int, ...]:
        words = self._words(key)
        return tuple([sum(words[part]) for part in _parts(key.family.ends)])


@lru_cache(maxsize=64)
def _parts(ends: bytes) -> tuple[slice, ...]:
    words = memoryview(ends).cast("H")
    return tuple(map(slice, [0, *words], words))


class NativeSums(PythonSums):
    """The same, in one buffer of words."""

    def __init__(self, keys: Mapping[SeriesKey, None]) -> None:
        """For the series of which something is going to be added."""
        super().__init__(keys)
        words = max((key.at + key.words for key in keys), default=0)
        self._totals = bytearray(words * WORD)

    def add(self, data: bytes, places: memoryview, words: int) -> None:
        """Add so many words of each series of a file, as `PythonSums.add`."""
        extension.add_series(self._totals, data, places, words)

    def _words(self, key: SeriesKey) -> tuple[int, ...]:
        return unpacker(key.words)(self._totals, key.at * WORD)

    def _parts_of(self, key: SeriesKey) -> tuple[int, ...]:
        found: tuple[int, ...] = extension.sum_parts(self._totals, key.at, key.family.ends)
        return found


WordSums = PythonSums if extension is None else NativeSums
