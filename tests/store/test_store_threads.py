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


class InterruptedWords:
    """The words of a file, during whose first read another thread tries to count too."""

    def __init__(self, words: Any, other: threading.Thread) -> None:
        self.words = words
        self.other: threading.Thread | None = other

    def __getitem__(self, at: Any) -> Any:
        found = self.words[at]
        other, self.other = self.other, None
        if other is not None:
            other.start()
            other.join(0.1)
        return found

    def __setitem__(self, at: Any, value: Any) -> None:
        self.words[at] = value


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
    other = threading.Thread(target=count, args=(file,))
    words = file.words
    file.words = InterruptedWords(words, other)  # type: ignore[assignment]
    count(file)
    other.join()
    assert words[series : series + len(expected)].tolist() == expected
