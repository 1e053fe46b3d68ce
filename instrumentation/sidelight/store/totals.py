"""The bytes of new totals: the old ones, and the counts of workers that have stopped."""

import contextlib
import math
import os
import struct
import time
from collections.abc import Collection, Generator, Mapping
from operator import add

from sidelight.app_metrics import families as app_families
from sidelight.app_metrics.merge import merge
from sidelight.contract import METRICS, NANOSECONDS, UNKNOWN
from sidelight.errors import InvalidDataError
from sidelight.store import layout, slow_requests
from sidelight.store.directory_reader import OnSkip
from sidelight.store.file_index import MAX_SERIES
from sidelight.store.layout import BlockKind
from sidelight.store.reader import (
    FileContents,
    exemplars,
    inflight_requests,
    route_of,
    slow_requests_in,
)
from sidelight.store.schema import (
    MAX_BYTES,
    MAX_FAMILIES,
    StoredFamily,
    encode,
    merged,
    rebucketed,
)

Steps = Generator[None, None, None]
IDS_KEPT = 4096
"""Workers whose ids the totals name: a reader that read a file before it was merged needs them."""
AT_ONCE = 50
"""Series between two turns of an event loop."""

_WORKER_ENDS = (
    StoredFamily("sidelight_worker_exits_total", "counter", ()),
    StoredFamily("fastapi_requests_lost_total", "counter", ()),
)
Sums = dict[tuple[str, tuple[str, ...]], tuple[int, tuple[int, ...]]]
"""When a series began, and its values, by name and labels."""


def merged_totals(
    totals: FileContents | None, stopped: list[FileContents], on_skip: OnSkip
) -> Generator[None, None, tuple[bytes, list[FileContents]]]:
    """New totals, and the stopped workers in them: those that leave them small enough to read."""
    with contextlib.suppress(InvalidDataError):
        return (yield from _merged(totals, stopped)), stopped
    new, fitting = b"", list[FileContents]()
    for file in stopped:
        try:
            new, fitting = (yield from _merged(totals, [*fitting, file])), [*fitting, file]
        except InvalidDataError as error:
            on_skip(file.name, error.reason)
    return new, fitting


def _merged(
    totals: FileContents | None, stopped: list[FileContents]
) -> Generator[None, None, bytes]:
    """The bytes of new totals. Raises `InvalidDataError` where no reader would take them."""
    everything = [*([totals] if totals else []), *stopped]
    families = merged((file.index.schema for file in everything), _WORKER_ENDS)
    sums: Sums = {}
    for file in everything:
        yield from _add_counts(sums, families, file)
    for file in stopped:
        yield
        _add_end(sums, file)
    kept = totals.index.merged_ids[-IDS_KEPT:] if totals else ()
    blocks = {
        BlockKind.MERGED_IDS: b"".join([*kept, *(file.header.id for file in stopped)]),
        BlockKind.APP_METRICS: (yield from _merged_app_metrics(totals, stopped)),
        BlockKind.SLOW_REQUESTS: slow_requests.encode(
            record for file in everything for record in slow_requests_in(file)
        ),
    }
    series = yield from _pack_series(families, sums)
    return _pack(
        families,
        series,
        blocks,
        min(file.header.started for file in everything),
        _exemplars_after(everything),
    )


def _exemplars_after(files: list[FileContents]) -> int:
    """The time of the newest exemplar that the totals do not keep: they keep none."""
    seconds = [found.seconds for file in files for found in exemplars(file)]
    newest = max((s for s in seconds if math.isfinite(s)), default=0.0)
    dropped = max(file.exemplars_after for file in files)
    return max(0, min(time.time_ns(), max(dropped, int(newest * NANOSECONDS))))


def _merged_app_metrics(
    totals: FileContents | None, stopped: list[FileContents]
) -> Generator[None, None, bytes]:
    """The application's own metrics of all of them; an invalid snapshot is left out."""
    families: dict[str, app_families.AppFamily] = {}
    for data in (totals.index.app_metrics if totals else b"", *(f.app_metrics for f in stopped)):
        yield
        with contextlib.suppress(InvalidDataError):
            merge(families, app_families.decode(data), worker=None)
    return app_families.encode(families.values())


def _add_counts(sums: Sums, families: dict[str, StoredFamily], file: FileContents) -> Steps:
    for number, series in enumerate(file.index.series):
        if number % AT_ONCE == 0:
            yield
        family = families[series.family.name]
        if family.kind != series.family.kind or family.kind == "gauge":
            continue
        values = rebucketed(series.unpack(file.data, series.at), series.family, family)
        _add(sums, (family.name, series.labels), series.started, values)


def _add_end(sums: Sums, file: FileContents) -> None:
    """Count how a worker ended, and the requests that were still in flight then."""
    how = "clean" if file.clean else "died"
    now = time.time_ns()
    _add(sums, ("sidelight_worker_exits_total", (how,)), now, (1,))
    lost = METRICS["fastapi_requests_lost_total"].name
    for request in inflight_requests(file):
        if request.scheme not in {"ws", "wss"}:
            _add(sums, (lost, (route_of(file, request),)), now, (1,))
    if untracked := file.word(layout.UNTRACKED):
        _add(sums, (lost, (UNKNOWN,)), now, (untracked,))


def _add(
    sums: Sums, key: tuple[str, tuple[str, ...]], started: int, values: tuple[int, ...]
) -> None:
    if key in sums:
        first, before = sums[key]
        started, values = min(started, first), tuple(map(add, before, values))
    sums[key] = started, values


def _pack_series(
    families: dict[str, StoredFamily], sums: Sums
) -> Generator[None, None, list[bytes]]:
    """The blocks of some series, each with its values."""
    numbers = {family.name: number for number, family in enumerate(_kept(families))}
    blocks = []
    for number, ((name, labels), (started, values)) in enumerate(sums.items()):
        if number % AT_ONCE == 0:
            yield
        key = layout.started_key(started, layout.series_key(numbers[name], labels))
        head = layout.pack_block(BlockKind.STARTED_SERIES, key, len(values))
        blocks.append(head + struct.pack(f"<{len(values)}Q", *(v % (1 << 64) for v in values)))
    return blocks


def _kept(families: dict[str, StoredFamily]) -> tuple[StoredFamily, ...]:
    """Families that the totals keep: a gauge ends with its worker."""
    return tuple(family for family in families.values() if family.kind != "gauge")


def _pack(
    families: dict[str, StoredFamily],
    series: Collection[bytes],
    blocks: Mapping[BlockKind, bytes],
    started: int,
    exemplars_after: int = 0,
) -> bytes:
    """A file of totals, of the blocks of their series.

    Raises `InvalidDataError` where no reader would take it.
    """
    schema = encode(_kept(families))
    for size, most in (
        (len(_kept(families)), MAX_FAMILIES),
        (len(schema), MAX_BYTES),
        (len(series), MAX_SERIES),
        (len(blocks.get(BlockKind.APP_METRICS, b"")), app_families.MAX_BYTES),
    ):
        if size > most:
            raise InvalidDataError("too_large")
    parts = [layout.pack_block(BlockKind.SCHEMA, schema, 0), *series]
    parts += [layout.pack_block(kind, key, 0) for kind, key in blocks.items()]
    arena = b"".join(parts)
    header = layout.totals_header(os.urandom(16), os.getpid(), started, len(arena))
    if header.size > layout.MAX_BYTES:
        raise InvalidDataError("too_large")
    front = bytearray(layout.HEADER_BYTES)
    packed = layout.pack_header(header)
    front[: len(packed)] = packed
    struct.pack_into("<Q", front, layout.USED * layout.WORD, header.size)
    struct.pack_into("<Q", front, layout.EXEMPLARS_AFTER * layout.WORD, exemplars_after)
    return bytes(front) + arena
