"""How the series of one file are summed: made once, and extended when the file has new series."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from sidelight.export.snapshot import SeriesKey
from sidelight.store.file_index import FileIndex, StoredSeries
from sidelight.store.schema import StoredFamily


@dataclass(slots=True)
class FamilyPlaces:
    """The series of one family in a file, and where they are there and in the totals."""

    words: int
    keys: list[SeriesKey] = field(default_factory=list)
    pairs: "array[int]" = field(default_factory=lambda: array("Q"))


@dataclass(slots=True)
class SumPlan:
    """How the first ``read`` series of an index are summed.

    Most are added as they are: ``places`` has them by the name of their family. ``rebucketed`` are
    those whose boundaries differ from those of the snapshot.
    """

    index: FileIndex
    read: int = 0
    places: dict[str, FamilyPlaces] = field(default_factory=dict)
    rebucketed: list[tuple[SeriesKey, StoredSeries]] = field(default_factory=list)
    gauges: list[tuple[SeriesKey, StoredSeries]] = field(default_factory=list)

    def add(self, key: SeriesKey, series: StoredSeries) -> None:
        """Add a series of the file to this key of the snapshot."""
        key.begin(series.started)
        if key.family.kind == "gauge":
            self.gauges.append((key, series))
        elif series.family.stored_bounds == key.family.stored_bounds:
            name = key.family.name
            places = self.places.get(name) or self.places.setdefault(name, FamilyPlaces(key.words))
            places.keys.append(key)
            places.pairs.extend((series.at, key.at))
        else:
            self.rebucketed.append((key, series))

    def summed(self) -> Iterator[SeriesKey]:
        """The keys of all series but gauges."""
        yield from chain.from_iterable(places.keys for places in self.places.values())
        yield from (key for key, _ in self.rebucketed)

    def sources(self) -> dict[int, tuple[SeriesKey, StoredFamily]]:
        """The key of each series but gauges and its family in the file, by the series' address."""
        found = {
            at: (key, key.family)
            for places in self.places.values()
            for key, at in zip(places.keys, places.pairs[::2], strict=True)
        }
        for key, series in self.rebucketed:
            found[series.at] = key, series.family
        return found
