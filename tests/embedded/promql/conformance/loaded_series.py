"""What a script has loaded, as a source of the engine."""

from collections.abc import Sequence

import numpy as np

from sidelight.embedded.promql.storage import ABSENT_BITS, LabelMatcher, SampleBlock
from tests.embedded.promql.conformance.script import Load
from tests.embedded.promql.conformance.series_line import Labels, NativeHistogram, SeriesLine
from tests.embedded.promql.sample_blocks import MemorySource, matched

_PARTS_OF_HISTOGRAM = ("_bucket", "_count", "_sum")


class LoadedSeries:
    """The samples of all loads since the last ``clear``, in one block.

    ``refused``: series that the engine can't hold, with the reason.
    """

    def __init__(self) -> None:
        self.samples: dict[tuple[tuple[str, str], ...], dict[int, float]] = {}
        self.refused: list[tuple[Labels, str]] = []
        self._source: MemorySource | None = None

    def add(self, load: Load) -> None:
        """Add the series of a load to those that are there."""
        self._source = None
        for one in load.series:
            self._add(one, load.step)
            if load.native_histograms:
                self._add_native(one.labels)

    def _add(self, one: SeriesLine, step: int) -> None:
        if one.start_timestamps:
            self.refused.append((one.labels, "start timestamps"))
        if any(isinstance(value, NativeHistogram) for value in one.values):
            self.refused.append((one.labels, "native histogram samples"))
        row = self.samples.setdefault(tuple(sorted(one.labels.items())), {})
        for number, value in enumerate(one.values):
            if isinstance(value, float):
                row[number * step] = value

    def _add_native(self, labels: Labels) -> None:
        name = labels.get("__name__", "")
        for suffix in _PARTS_OF_HISTOGRAM:
            if name.endswith(suffix):
                native = {**labels, "__name__": name.removesuffix(suffix)}
                native.pop("le", None)
                self.refused.append((native, "native histogram samples"))

    def why_refused(self, matchers: Sequence[LabelMatcher]) -> str:
        """Return why the engine can't have the series that a selector selects; "" if it can."""
        sets = [labels for labels, _ in self.refused]
        return next((self.refused[row][1] for row in matched(matchers, sets)), "")

    def select(self, matchers: Sequence[LabelMatcher], after: int, until: int) -> list[SampleBlock]:
        """Return the series that match, as a `Source` does."""
        self._source = self._source or MemorySource(self.blocks())
        return self._source.select(matchers, after, until)

    def blocks(self) -> list[SampleBlock]:
        """Return all samples."""
        times = sorted({time for row in self.samples.values() for time in row})
        bits = np.full((len(self.samples), len(times)), ABSENT_BITS, np.int64)
        columns = {time: column for column, time in enumerate(times)}
        for number, row in enumerate(self.samples.values()):
            here = [columns[time] for time in row]
            bits[number, here] = np.array(list(row.values()), float).view(np.int64)
        labels = [dict(one) for one in self.samples]
        return [SampleBlock(labels, np.array(times, np.int64), bits.view(np.float64))]
