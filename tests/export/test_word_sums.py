"""The sums of series over files: both ways add each word, and sum up the parts of each bucket."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sidelight.export import word_sums
from sidelight.export.snapshot import SeriesKey
from sidelight.export.word_sums import NativeSums, PythonSums
from sidelight.extension import extension
from sidelight.store.schema import StoredFamily
from tests.store.pages import classic_values

WAYS = [PythonSums] if extension is None else [PythonSums, NativeSums]
FAMILIES = [
    StoredFamily("a", "counter", ()),
    StoredFamily("b", "histogram", (10.0, 20.0)),
    StoredFamily("c", "histogram", (0.1, 1.0), native=True),
    StoredFamily("d", "histogram", (), native=True),
]
WORDS = some.lists(some.tuples(some.integers(0, 250), some.integers(0, 1 << 52)), max_size=8)
"""Some words of a series by their index, which counts around, and the rest 0."""
ways = pytest.mark.parametrize("way", WAYS)


def key_at(family: StoredFamily, at: int) -> SeriesKey:
    key = SeriesKey(family, ("x",))
    key.at = at
    return key


def added(sums: PythonSums, key: SeriesKey, data: bytes, at: int) -> None:
    sums.add(data, memoryview(array("Q", (at, key.at))), key.words)


@ways
@given(some.data())
def test_each_word_of_each_file_is_added_once(way: type[PythonSums], data: some.DataObject) -> None:
    """Of several files, series after series at any byte, each word is the sum of its own."""
    keys, place = [], 0
    for family in data.draw(some.lists(some.sampled_from(FAMILIES), min_size=1, max_size=5)):
        keys.append(key_at(family, place))
        place += family.values
    sums = way(dict.fromkeys(keys))
    expected = {key: [0] * key.words for key in keys}
    for _ in range(data.draw(some.integers(1, 3))):
        for key in keys:
            words = [0] * key.words
            for index, word in data.draw(WORDS):
                words[index % key.words] = word
            before = bytes(data.draw(some.integers(0, 20)))
            added(sums, key, before + array("Q", words).tobytes() + b"after", len(before))
            expected[key] = [a + b for a, b in zip(expected[key], words, strict=True)]
    assert dict(sums) == {key: tuple(words) for key, words in expected.items()}
    for key in keys:
        assert sums.classic(key) == classic_values(key.family, sums[key])


@ways
def test_places_of_one_call_are_several_series(way: type[PythonSums]) -> None:
    """One call adds all series of a family, two of them to the same sum."""
    family = FAMILIES[0]
    first, second = key_at(family, 0), key_at(family, 1)
    sums = way({first: None, second: None})
    sums.add(array("Q", (1, 2, 4)).tobytes(), memoryview(array("Q", (0, 0, 8, 1, 16, 0))), 1)
    assert dict(sums) == {first: (5,), second: (2,)}
    assert key_at(family, 0) not in sums


@ways
def test_counts_that_overflow_raise_nothing(way: type[PythonSums]) -> None:
    """What a damaged file holds is summed to something of 64 bits a word."""
    for family in FAMILIES:
        key = key_at(family, 0)
        sums = way({key: None})
        for _ in range(2):
            added(sums, key, b"\xff" * (8 * key.words), 0)
        assert all(0 <= word < 1 << 64 for word in sums[key])
        assert len(sums.classic(key)) == key.family.classic_values


@pytest.mark.skipif(extension is None, reason="there is no extension")
@pytest.mark.parametrize(
    ("places", "words"),
    [
        ((9, 0), 1),
        ((8, 0), 2),
        ((0, 2), 1),
        ((0, 1), 2),
        (((1 << 64) - 8, 0), 1),
        ((0, (1 << 61)), 1),
        ((0, (1 << 64) - 1), 1),
        ((0, 0), 1 << 60),
        ((0, 0), 1 << 61),
    ],
)
def test_nothing_outside_is_read_or_written(places: tuple[int, int], words: int) -> None:
    """A place that is not wholly inside of the file and of the totals is an error, natively."""
    totals = bytearray(16)
    with pytest.raises(IndexError, match="outside"):
        extension.add_series(totals, bytes(16), memoryview(array("Q", places)), words)
    assert totals == bytes(16)


@pytest.mark.skipif(extension is None, reason="there is no extension")
def test_wrong_arguments() -> None:
    """Neither a negative number of words, nor a part that ends outside, nor half a place."""
    with pytest.raises(ValueError, match="negative"):
        extension.add_series(bytearray(16), bytes(16), b"", -1)
    with pytest.raises(IndexError, match="outside"):
        extension.sum_parts(bytearray(16), 0, array("H", (1, 3)).tobytes())
    with pytest.raises(IndexError, match="outside"):
        extension.sum_parts(bytearray(16), 1 << 63, array("H", (1,)).tobytes())
    assert extension.sum_parts(bytearray(16), 2, b"") == ()
    assert extension.sum_parts(array("Q", (3, 4)), 0, array("H", (1, 1, 2)).tobytes()) == (
        3,
        0,
        4,
    )
    assert extension.add_series(bytearray(16), bytes(16), bytes(8), 1) is None


def test_the_native_way_is_taken_where_it_is_there() -> None:
    """The sums are native exactly where the extension is."""
    assert word_sums.WordSums is WAYS[-1]
