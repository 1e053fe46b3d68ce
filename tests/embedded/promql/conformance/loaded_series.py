"""What a script has loaded, as a source of the engine."""

from collections.abc import Sequence

from sidelight.embedded.promql.storage import STALE_BITS, LabelMatcher, SampleBlock
from tests.embedded.promql.conformance.nhcb import with_custom_bounds
from tests.embedded.promql.conformance.script import Load
from tests.embedded.promql.conformance.series_line import Labels, SeriesLine, Value
from tests.embedded.promql.sample_blocks import MARKER, Cell, MemorySource, bits, block, matched


class LoadedSeries:
    """The samples of all loads since the last ``clear``, in one block.

    ``refused``: series that the engine can't hold, with the reason.
    """

    def __init__(self) -> None:
        self.samples: dict[tuple[tuple[str, str], ...], dict[int, Value]] = {}
        self.refused: list[tuple[Labels, str]] = []
        self._source: MemorySource | None = None

    def add(self, load: Load) -> None:
        """Add the series of a load to those that are there."""
        self._source = None
        native = with_custom_bounds(load.series) if load.native_histograms else ()
        for one in (*load.series, *native):
            self._add(one, load.step)

    def _add(self, one: SeriesLine, step: int) -> None:
        if one.start_timestamps:
            self.refused.append((one.labels, "start timestamps"))
        row = self.samples.setdefault(tuple(sorted(one.labels.items())), {})
        for number, value in enumerate(one.values):
            if value is not None:
                row[number * step] = value

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
        rows = {
            labels: [_cell(row.get(at)) for at in times] for labels, row in self.samples.items()
        }
        return [block(times, rows)]


def _cell(value: Value) -> Cell:
    return MARKER if isinstance(value, float) and bits(value) == STALE_BITS else value
