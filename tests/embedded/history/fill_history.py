"""Fills a history: `python -m tests.embedded.history.fill_history SERIES CHANGES STEPS`."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.history.history import History, return_memory_early
from tests.embedded.history.filled_history import MIB, ScrapedTarget

LABELS = 'method="GET",route="/v1/customers/{id}/orders/%d",status="200",scheme="http"'
NUMBERS = np.random.default_rng(1)
CHANGES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "random": lambda values: NUMBERS.random(len(values)),
    "counting": lambda values: values + NUMBERS.integers(0, 50, len(values)),
    "still": lambda values: values,
}


def memory() -> int:
    """Return the memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def keys(series: int) -> list[str]:
    """Return keys of series that are as long as real ones."""
    name = "http_server_request_duration_seconds_bucket"
    return [f'{name}{{{LABELS % (n // 15)},le="{n % 15}.0"}}' for n in range(series)]


def _piece(rows: list[bytes], values: NDArray[np.float64]) -> bytes:
    """Return a part of a page, as the sampler reads it."""
    return b"".join(b"%b %r\n" % pair for pair in zip(rows, values.tolist(), strict=True))


def main(series: int, changes: str, steps: int) -> None:
    """Print the peak memory, the size that the history counted, its span, and what was skipped."""
    return_memory_early()
    names, values = keys(series), NUMBERS.integers(0, 9, series).astype(float)
    history = History(3_600_000, 64 * MIB)
    target = ScrapedTarget(history)
    rows = [name.encode() for name in names]
    before = most = memory()
    for step in range(steps):
        values = CHANGES[changes](values)
        target.step(
            step * 5,
            *(_piece(rows[a : a + 2000], values[a : a + 2000]) for a in range(0, series, 2000)),
        )
        most = max(most, memory())
    stats = history.stats
    print(most - before, stats.size, stats.span // 1000, history.skipped)  # noqa: T201 the figures, for whoever asks with -s


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
