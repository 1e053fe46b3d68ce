"""Several threads of one worker count in one series."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from sidelight.contract import DURATION, DURATION_BUCKETS, METRICS
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from tests.store.driving import LABELS

OVERFLOW = METRICS["sidelight_series_overflow_total"]


class InterruptedCounts(list[int]):
    """Counts during whose first read another thread tries to count too."""

    other: threading.Thread | None = None

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        other, self.other = self.other, None
        if other is not None:
            other.start()
            other.join(0.1)
        return found


@pytest.mark.parametrize(
    ("family", "labels", "count", "expected"),
    [
        (OVERFLOW, (), lambda file: file.count(OVERFLOW), [2]),
        (DURATION, LABELS, lambda file: file.observe(DURATION, LABELS, 7), [14, 2]),
    ],
)
def test_two_threads_lose_no_count(
    family: Any, labels: tuple[str, ...], count: Callable[[WorkerFile], None], expected: list[int]
) -> None:
    """A thread that counts while another has only read the old value waits for the new one."""
    file = WorkerFile(None, schema(DURATION_BUCKETS), 100)
    series = file.series(family, labels, uncapped=True)
    series.counts = counts = InterruptedCounts(series.counts)
    counts.other = other = threading.Thread(target=count, args=(file,))
    count(file)
    other.join()
    assert counts[: len(expected)] == expected
    assert file.words[series.at : series.at + len(expected)].tolist() == expected
