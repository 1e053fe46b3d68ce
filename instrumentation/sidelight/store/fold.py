"""What dead workers leave is added to the directory's totals, each exactly once.

The new totals, with the ids folded into them, replace the old ones by a rename; only then is
a dead worker's file removed. Whoever dies in between leaves a file whose id the totals name,
and readers skip it.
"""

import contextlib
import os
import struct
import time
from collections.abc import Callable, Generator, Mapping
from operator import add

from sidelight.contract import METRICS, UNKNOWN
from sidelight.store import layout, route_table, slow, user
from sidelight.store.directory import (
    DRAFT_SUFFIX,
    FOLD_LOCK,
    NUMBER_LOCK,
    TOTALS,
    USER_SUFFIX,
    WORKER_SUFFIX,
    Directory,
    workers,
)
from sidelight.store.layout import Block, Damaged
from sidelight.store.reader import File, Index, read, rows, slow_requests
from sidelight.store.schema import Family, encode, merged, places

Skip = Callable[[str, str], None]
Steps = Generator[None, None, None]
IDS_KEPT = 4096
"""A reader that opened a worker's file before it was folded must still find its id."""

_OF_THE_DEAD = (
    Family("sidelight_worker_exits_total", "counter", ()),
    Family("fastapi_requests_lost_total", "counter", ()),
)
Sums = dict[tuple[str, tuple[str, ...]], tuple[int, ...]]


def read_all(
    directory: Directory, known: dict[bytes, Index], skip: Skip
) -> Generator[None, None, tuple[list[File], File | None]]:
    """Every worker's file that the totals don't hold, and the totals.

    Files are opened first and totals read second: a worker folded in between is then found
    in the totals' ids, never in both or in neither. Yields between files.
    """
    files = []
    with contextlib.ExitStack() as opened:
        fds = []
        for name in directory.names(WORKER_SUFFIX):
            with contextlib.suppress(FileNotFoundError):
                fd = _open(directory, name, skip)
                if fd is not None:
                    opened.callback(os.close, fd)
                    # Its snapshot goes when it is folded: read both before the totals.
                    snapshot = directory.read(name.removesuffix(WORKER_SUFFIX) + USER_SUFFIX)
                    fds.append((name, fd, snapshot or b""))
        totals = _totals(directory, known, skip)
        folded = set(totals.index.folded if totals else ())
        for name, fd, snapshot in fds:
            yield
            try:
                file = read(name, fd, known)
            except Damaged as damage:
                skip(name, damage.reason)
            except OSError:
                skip(name, "unreadable")
            else:
                if file.index.strange:
                    skip(name, "later_blocks")
                if file.header.id not in folded:
                    file.user = snapshot
                    files.append(file)
    for gone in known.keys() - {f.header.id for f in (*files, *([totals] if totals else []))}:
        del known[gone]
    return files, totals


def _open(directory: Directory, name: str, skip: Skip) -> int | None:
    try:
        return directory.open(name)
    except FileNotFoundError:
        return None
    except OSError:
        skip(name, "unreadable")
        return None


def _totals(directory: Directory, known: dict[bytes, Index], skip: Skip) -> File | None:
    fd = _open(directory, TOTALS, skip)
    if fd is None:
        return None
    try:
        return read(TOTALS, fd, known, alive=False)
    except (Damaged, OSError) as damage:
        skip(TOTALS, getattr(damage, "reason", "unreadable"))
        return None
    finally:
        os.close(fd)


def fold(directory: Directory, known: dict[bytes, Index], skip: Skip, wait: float = 0.0) -> Steps:
    """Fold every dead worker. Does nothing when somebody else is at it. Yields between files.

    Raises OSError when the totals can't be written; nothing is lost then.
    """
    if not any(workers(directory, alive=False)) and not directory.names(DRAFT_SUFFIX):
        return
    with directory.locked(FOLD_LOCK, wait) as mine:
        if not mine:
            return
        folded = _totals(directory, {}, lambda _name, _reason: None)
        _remove_folded(directory, folded)
        _remove_drafts(directory)
        files, totals = yield from read_all(directory, known, skip)
        dead = [file for file in files if not file.alive]
        if dead and _replaceable(directory, totals):
            directory.write(TOTALS, _folded(totals, dead))
            for file in dead:
                _remove(directory, file.name)


def _remove_folded(directory: Directory, totals: File | None) -> None:
    """Finish what one who died between the rename and the removal had begun."""
    ids = {name.hex() for name in totals.index.folded} if totals else set()
    for name in directory.names(WORKER_SUFFIX):
        if name.removesuffix(WORKER_SUFFIX) in ids:
            _remove(directory, name)


def _remove_drafts(directory: Directory) -> None:
    """Remove what was never finished, by processes that died at it."""
    with directory.locked(NUMBER_LOCK) as nobody_starts:
        alive = {name.removesuffix(WORKER_SUFFIX) for name in workers(directory, alive=True)}
        for name in directory.names(DRAFT_SUFFIX):
            owner, *rest = name.split(".")
            unfinished_start = len(rest) == 1
            if (unfinished_start and nobody_starts) or not (unfinished_start or owner in alive):
                directory.remove(name)


def _remove(directory: Directory, name: str) -> None:
    """The snapshot first: what is left without its worker's file would be left for ever."""
    directory.remove(name.removesuffix(WORKER_SUFFIX) + USER_SUFFIX)
    directory.remove(name)


def _replaceable(directory: Directory, totals: File | None) -> bool:
    """Whether new totals may be put in place.

    Damaged ones are put aside, not written over. Those of a later version that this one
    can't read stay, and so do the dead: whoever understands both folds them.
    """
    if totals is None and TOTALS in directory.names(TOTALS):
        try:
            layout.unpack_header((directory.read(TOTALS) or b"")[: layout.HEADER_BYTES])
        except Damaged as damage:
            if damage.reason == layout.LATER:
                return False
        aside = f"{TOTALS}.{time.time_ns()}.damaged"
        os.rename(TOTALS, aside, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
    return True


def _folded(totals: File | None, dead: list[File]) -> bytes:
    """The bytes of new totals."""
    everything = [*([totals] if totals else []), *dead]
    families = merged((file.index.schema for file in everything), _OF_THE_DEAD)
    sums: Sums = {}
    people: dict[str, user.UserFamily] = {}
    for file in everything:
        _add_counts(sums, families, file)
    for file in dead:
        _add_death(sums, file)
    for snapshot in (totals.index.user if totals else b"", *(file.user for file in dead)):
        with contextlib.suppress(Damaged):
            user.merge(people, user.decode(snapshot), worker=None)
    kept = totals.index.folded[-IDS_KEPT:] if totals else ()
    notes = {
        Block.FOLDED: b"".join([*kept, *(file.header.id for file in dead)]),
        Block.USER: user.encode(people.values()),
        Block.SLOW: slow.encode(record for file in everything for record in slow_requests(file)),
    }
    return _pack(families, sums, notes, min(file.header.started for file in everything))


def _add_counts(sums: Sums, families: dict[str, Family], file: File) -> None:
    for series in file.index.series:
        family = families[series.family.name]
        if family.kind != series.family.kind or family.kind == "gauge":
            continue
        values = moved(series.unpack(file.data, series.at), series.family, family)
        _add(sums, (family.name, series.labels), values)


def _add_death(sums: Sums, file: File) -> None:
    """How a worker ended, and the requests it took with it."""
    how = "clean" if file.clean else "died"
    _add(sums, ("sidelight_worker_exits_total", (how,)), (1,))
    if not file.clean:
        lost = METRICS["fastapi_requests_lost_total"].name
        for row in rows(file):
            if row.scheme not in {"ws", "wss"}:
                _add(sums, (lost, (route_of(file, row.method, row.path, whole=row.whole),)), (1,))
        if rowless := file.word(layout.ROWLESS):
            _add(sums, (lost, (UNKNOWN,)), (rowless,))


def route_of(file: File, method: str, path: bytes, *, whole: bool) -> str:
    """The route of a row, by the table its worker published."""
    if not whole:
        return UNKNOWN
    roots = tuple(root.partition(" ")[2] for root in file.index.roots)
    return route_table.template_of(file.index.routes, roots, method, path)


def moved(values: tuple[int, ...], source: Family, target: Family) -> tuple[int, ...]:
    """A histogram's values under another family's boundaries."""
    where = places(source.bounds, target.bounds)
    if where is None:
        return values
    counts = [values[0], *([0] * (target.values - 1))]
    for at, count in zip(where, values[1:], strict=True):
        counts[at + 1] += count
    return tuple(counts)


def _add(sums: Sums, key: tuple[str, tuple[str, ...]], values: tuple[int, ...]) -> None:
    before = sums.get(key)
    sums[key] = values if before is None else tuple(map(add, before, values))


def _pack(
    families: Mapping[str, Family], sums: Sums, notes: Mapping[Block, bytes], started: int
) -> bytes:
    schema = tuple(family for family in families.values() if family.kind != "gauge")
    numbers = {family.name: number for number, family in enumerate(schema)}
    parts = [layout.block(Block.SCHEMA, encode(schema), 0)]
    for (name, labels), values in sums.items():
        key = layout.series_key(numbers[name], labels)
        head = layout.block(Block.SERIES, key, len(values))
        parts += [head, struct.pack(f"<{len(values)}Q", *(v % (1 << 64) for v in values))]
    parts += [layout.block(kind, key, 0) for kind, key in notes.items()]
    arena = b"".join(parts)
    header = layout.blocks_only(os.urandom(16), os.getpid(), started, len(arena))
    front = bytearray(layout.HEADER_BYTES)
    packed = layout.pack_header(header)
    front[: len(packed)] = packed
    struct.pack_into("<Q", front, layout.USED * layout.WORD, header.size)
    return bytes(front) + arena
