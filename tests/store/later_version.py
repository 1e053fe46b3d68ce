"""A worker, or a reader, of a later version than this one, as a process of its own.

``python later_version.py DIRECTORY NEEDS work|merge|page COUNT``. A worker has longer rows and
exemplars, one more kind of block, one more family, other boundaries; a reader knows that family,
and takes files of both versions, as a later one has to. What differs is changed before the
rest is imported.
"""

import json
import struct
import sys
from bisect import bisect_left
from typing import Any

from sidelight import contract
from sidelight.contract import DURATION, METRICS, Metric
from sidelight.store import layout

LATER = "fastapi_later_things_total"
BLOCK = 99


def become(needs: int, what: str) -> None:
    """Change what the later version changed."""
    vars(layout).update(VERSION=3, NEEDS=needs)
    METRICS[LATER] = Metric(LATER, "counter", "", (contract.ROUTE,), "Later.")
    if what == "work":
        words = layout.SLOT_WORDS + 5
        vars(layout).update(SLOT_WORDS=words, EXEMPLAR=struct.Struct("<IIQ16s8sddQQ"))
    changed = layout.__name__, contract.__name__
    for name in [name for name in sys.modules if name.startswith("sidelight")]:
        if name not in changed:
            del sys.modules[name]  # it was imported with the package, and may have kept the old


def exemplar(file: Any, series: Any) -> None:
    """One with two words more, behind those that the checksum is of: so the older can read it."""
    known = struct.pack("<IQ16s8sdd", 1, series * layout.WORD, b"t" * 16, b"s" * 8, 0.003, 1.5)
    at = file._header.exemplars_at
    whole = layout.with_checksum(known) + struct.pack("<QQ", 7, 7)
    file.memory[at : at + layout.EXEMPLAR.size] = whole


def say(text: str) -> None:
    """Write a line to the process that started this one."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def work(path: str, count: int) -> None:
    """A worker with requests, one in flight, and a thing only it knows; it ends at end of input."""
    from sidelight.store import directory
    from sidelight.store.schema import schema
    from sidelight.store.writer import WorkerFile

    where = directory.open_shared(path)
    file = WorkerFile(where, schema((0.002, 0.004, 1.0)), 100)
    file.append_block(BLOCK, b"unheard of")  # type: ignore[arg-type] # wrong on purpose
    series = file.series(DURATION, ("GET", "/items", "200", "", "http"))
    file.words[series] = count * 3_000_000
    file.words[series + 1 + bisect_left(file.bounds(DURATION), 3_000_000)] = count
    exemplar(file, series)
    file.count(METRICS[LATER], ("/items",), count)
    row = file.acquire_slot(layout.pack_method_scheme("http", "GET"), b"/items", 5)
    say(file.name)
    for line in sys.stdin:
        if line == "close\n":
            file.release_slot(row)
            file.close()
            say("closed")


def read(path: str, *, merge: bool) -> None:
    """What a reader of the later version finds, as JSON."""
    from sidelight.cooperative import run_to_end
    from sidelight.export.collector import Collector
    from sidelight.store import directory
    from sidelight.store.directory_reader import DirectoryReader
    from sidelight.store.stopped_workers import merge_stopped_workers

    reader = DirectoryReader(directory.open_shared(path))
    if merge:
        run_to_end(merge_stopped_workers(reader))
    snapshot = run_to_end(Collector(reader).collect())
    found: dict[str, int] = {}
    for key, values in snapshot.sums.items():
        counted = sum(values[1:]) if key.family.kind == "histogram" else values[0]
        found[key.family.name] = found.get(key.family.name, 0) + counted
    say(json.dumps([found, list(reader.skipped)]))


def main(path: str, needs: str, what: str, count: str) -> None:
    """One process."""
    become(int(needs), what)
    if what == "work":
        work(path, int(count))
    else:
        read(path, merge=what == "merge")


if __name__ == "__main__":
    main(*sys.argv[1:])
