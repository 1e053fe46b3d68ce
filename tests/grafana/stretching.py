"""A recording with a scrape each second, as samples of slower scrapes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.storage import ABSENT_BITS, STALE_BITS, SampleBlock
from tests.embedded.promql.remote_write import Exemplar
from tests.embedded.promql.rule_samples import marked, pairs
from tests.embedded.promql.sample_blocks import block
from tests.grafana.recording import Recording

Values = NDArray[np.float64]
COUNTERS: Final = ("counter", "histogram", "summary")
PARTS: Final = ("_bucket", "_count", "_sum", "_total")
STARTS: Final = ("process_start_time_seconds", "_created")


def repeated(recording: Recording, step: int, end: int, span: int) -> list[SampleBlock]:
    """The samples again and again over ``span`` milliseconds; counters go on from the last time."""
    found = []
    for one in stretched(recording, step, end):
        times = len(one.times)
        many = -(-span // (times * step))
        values = np.tile(one.values, many)
        for row, labels in zip(values, one.labels, strict=True):
            if _is_counter(recording, labels["__name__"]):
                row[:] = _continued(row[:times], many)
        first = end - (many * times - 1) * step
        found.append(SampleBlock(one.labels, np.arange(first, end + 1, step), values))
    return found


def _continued(row: Values, many: int) -> Values:
    """A counter repeated: it keeps its value where it has no sample, once it has had one."""
    bits = row.view(np.int64)
    there = np.flatnonzero((bits != ABSENT_BITS) & (bits != STALE_BITS))
    latest = np.searchsorted(there, np.arange(len(row)), "right") - 1
    whole = row[there[np.maximum(latest, 0)]]
    grown = np.arange(1, many)[:, None] * (whole[-1] - whole[0])
    return np.concatenate([row, (whole + grown).ravel()])


def stretched(recording: Recording, step: int, end: int) -> list[SampleBlock]:
    """The samples with ``step`` milliseconds between scrapes; the last is at ``end``.

    Counters grow by as many times more as time passes, so that rates stay what they were.
    """
    targets = defaultdict(list)
    for row in recording.series:
        targets[row["metric"]["job"], row["metric"]["instance"]].append(row)
    return [_target(recording, rows, step, end) for rows in targets.values()]


def _target(
    recording: Recording, rows: Sequence[Mapping[str, Any]], step: int, end: int
) -> SampleBlock:
    scrapes = sorted({at for row in rows for at, _ in row["values"]})
    places = {at: place for place, at in enumerate(scrapes)}
    made = {pairs(row["metric"]): _row(recording, row, places, step, end) for row in rows}
    return block([end - place * step for place in reversed(range(len(scrapes)))], made)


def exemplars(
    recording: Recording, step: int, end: int
) -> Iterator[tuple[Mapping[str, str], list[Exemplar]]]:
    """The exemplars of each series that has some, oldest first."""
    for row in recording.exemplars:
        found = [
            Exemplar(
                one["labels"], float(one["value"]), _moved(recording, one["timestamp"], step, end)
            )
            for one in row["exemplars"]
        ]
        yield row["seriesLabels"], found


def _moved(recording: Recording, at: float, step: int, end: int) -> int:
    """A time of the recording, in milliseconds among the samples."""
    return end - round((recording.until - at) * step)


def _row(
    recording: Recording,
    row: Mapping[str, Any],
    places: Mapping[float, int],
    step: int,
    end: int,
) -> list[float | str | None]:
    name = row["metric"]["__name__"]
    grown = step / 1000 if _is_counter(recording, name) else 1
    found: list[float | str | None] = [None] * len(places)
    for at, text in row["values"]:
        value = float(text) * grown
        if name.endswith(STARTS):
            value = _moved(recording, value, step, end) / 1000
        found[places[at]] = value
    return marked(found)


def _is_counter(recording: Recording, name: str) -> bool:
    families = [name, *(name.removesuffix(part) for part in PARTS if name.endswith(part))]
    kinds = [recording.types[one] for one in families if one in recording.types]
    return bool(kinds) and kinds[0] in COUNTERS
