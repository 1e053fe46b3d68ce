"""A worker whose series need more and more memory, as a process of its own.

``python growing.py DIRECTORY SERIES [STEP]`` counts one request in each of so many series, and says
how many of them had room; the others are counted as ``_OTHER``. It is killed when its file asks for
memory for the given time, and says before how many requests it had counted.
"""

import os
import signal
import sys
from typing import Any

from sidelight.asgi.series import SeriesWriter
from sidelight.contract import DURATION
from sidelight.settings import load
from sidelight.store import directory
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile


def labels(number: int) -> tuple[str, ...]:
    """The labels of durations of one of many routes."""
    return ("GET", f"/shops/{{shop_id}}/orders/{number:05}", "200", "", "http")


def main(path: str, series: str, last: str = "-1") -> None:
    """One process."""
    counted = steps = 0
    allocate = os.posix_fallocate

    def deadly(*args: Any) -> None:
        nonlocal steps
        if steps == int(last):
            os.write(1, f"counted {counted}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        steps += 1
        allocate(*args)

    os.posix_fallocate = deadly
    file = WorkerFile(directory.open_shared(path), schema(load({}, {}).buckets), 4000)
    writer, made = SeriesWriter(file), 0
    for number in range(int(series)):
        at, exact = writer.series(DURATION, labels(number))
        writer.add(at, writer.bucket_index(3_000_000), 3_000_000)
        made += exact
        counted += 1
    os.write(1, f"made {made} of {series}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
