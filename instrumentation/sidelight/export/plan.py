"""What to do with each series of a file: found out once, since a file's series stay."""

from dataclasses import dataclass, field

from sidelight.export.snapshot import Key
from sidelight.store.file_index import FileIndex, StoredSeries
from sidelight.store.layout import WORD
from sidelight.store.schema import StoredFamily


@dataclass(slots=True)
class Plan:
    """What to do with the first ``read`` series of an index.

    Most are summed as they are: ``spans`` has where their bytes begin and end. ``others`` are
    gauges, and series with other boundaries than the page's.
    """

    index: FileIndex
    read: int = 0
    spans: list[tuple[Key, int, int]] = field(default_factory=list)
    others: list[tuple[Key, StoredSeries]] = field(default_factory=list)

    def add(self, key: Key, series: StoredSeries) -> None:
        """Take one more series, for this key of the page."""
        same = series.family.bounds == key.family.bounds
        if same and key.family.kind != "gauge":
            self.spans.append((key, series.at, series.at + key.words * WORD))
        else:
            self.others.append((key, series))

    def sources(self) -> dict[int, tuple[Key, StoredFamily]]:
        """The key of each series and its family in the file, by the series' address."""
        found = {at: (key, key.family) for key, at, _ in self.spans}
        for key, series in self.others:
            found[series.at] = key, series.family
        return found
