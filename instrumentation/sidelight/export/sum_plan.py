"""How each series of a file is summed: decided once, since the series of a file stay."""

from dataclasses import dataclass, field

from sidelight.export.snapshot import SeriesKey
from sidelight.store.file_index import FileIndex, StoredSeries
from sidelight.store.layout import WORD
from sidelight.store.schema import StoredFamily


@dataclass(slots=True)
class SumPlan:
    """How the first ``read`` series of an index are summed.

    Most are added as they are: ``spans`` has where their bytes begin and end. ``others`` are
    gauges, and series whose boundaries differ from those of the snapshot.
    """

    index: FileIndex
    read: int = 0
    spans: list[tuple[SeriesKey, int, int]] = field(default_factory=list)
    others: list[tuple[SeriesKey, StoredSeries]] = field(default_factory=list)

    def add(self, key: SeriesKey, series: StoredSeries) -> None:
        """Add a series of the file to this key of the snapshot."""
        same = series.family.bounds == key.family.bounds
        if same and key.family.kind != "gauge":
            self.spans.append((key, series.at, series.at + key.words * WORD))
        else:
            self.others.append((key, series))

    def sources(self) -> dict[int, tuple[SeriesKey, StoredFamily]]:
        """The key of each series and its family in the file, by the series' address."""
        found = {at: (key, key.family) for key, at, _ in self.spans}
        for key, series in self.others:
            found[series.at] = key, series.family
        return found
