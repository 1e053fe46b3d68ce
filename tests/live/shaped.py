"""A worker that has recorded one part of each shape, and runs until it is ended."""

import signal
import sys

from sidelight.contract import DURATION, DURATION_BUCKETS
from sidelight.store import directory
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from tests.live.shapes import EDGES, SHAPES

WORKERS = 4


def record(file: WorkerFile, part: int) -> None:
    """Every fourth duration of each shape, and one of each edge."""
    for route, durations in SHAPES.items():
        for ns in durations[part::WORKERS]:
            file.observe(DURATION, ("GET", f"/{route}", "200", "", "http"), ns)
    for route, ns in EDGES.items():
        file.observe(DURATION, ("GET", f"/{route}", "200", "", "http"), ns)


if __name__ == "__main__":
    _, where, number = sys.argv
    opened = directory.open_shared(where)
    file = WorkerFile(opened, schema(DURATION_BUCKETS), 100)
    record(file, int(number))
    signal.pause()
