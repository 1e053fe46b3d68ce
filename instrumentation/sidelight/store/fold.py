"""What dead workers leave is added to the directory's totals, each exactly once.

The new totals, with the ids folded into them, replace the old ones by a rename; only then is
a dead worker's file removed. Whoever dies in between leaves a file whose id the totals name,
and readers skip it.
"""

import contextlib
import os
import struct
import time
from collections.abc import Collection, Generator, Mapping
from operator import add

from sidelight.contract import METRICS, UNKNOWN
from sidelight.store import layout, slow_requests, user
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
from sidelight.store.files import CLOSED, OWN_TROUBLE, Skip, read_all, read_totals
from sidelight.store.layout import Block, Damaged
from sidelight.store.reader import MOST_SERIES, File, Index, route_of, rows, slow_requests_in
from sidelight.store.schema import MOST_BYTES, MOST_FAMILIES, Family, encode, merged, moved

Steps = Generator[None, None, None]
IDS_KEPT = 4096
"""A reader that read a worker's file before it was folded must still find its id."""
DAMAGED_SUFFIX = ".damaged"
MOST_DAMAGED = 4
AT_ONCE = 200
"""Series between two turns of an event loop."""

_OF_THE_DEAD = (
    Family("sidelight_worker_exits_total", "counter", ()),
    Family("fastapi_requests_lost_total", "counter", ()),
)
Sums = dict[tuple[str, tuple[str, ...]], tuple[int, ...]]


def fold(directory: Directory, known: dict[bytes, Index], skip: Skip, wait: float = 0.0) -> Steps:
    """Fold every dead worker. Does nothing when somebody else is at it. Yields between files.

    Raises OSError when the totals can't be written; nothing is lost then.
    """
    if not any(workers(directory, alive=False)) and not directory.names(DRAFT_SUFFIX):
        return
    with directory.locked(FOLD_LOCK, wait) as mine:
        if not mine:
            return
        folded = yield from read_totals(directory, known, lambda _name, _reason: None)
        _remove_folded(directory, folded)
        yield from _remove_drafts(directory)
        files, totals = yield from read_all(directory, known, skip)
        dead = [file for file in files if not file.alive]
        if dead and _replaceable(directory, totals):
            new, dead = yield from _with_room(totals, dead, skip)
            if dead:
                directory.write(TOTALS, new)
            for file in dead:
                _remove(directory, file.name)


def _remove_folded(directory: Directory, totals: File | None) -> None:
    """Finish what one who died between the rename and the removal had begun."""
    ids = {name.hex() for name in totals.index.folded} if totals else set()
    for name in directory.names(WORKER_SUFFIX):
        if name.removesuffix(WORKER_SUFFIX) in ids:
            _remove(directory, name)


def _remove_drafts(directory: Directory) -> Steps:
    """Remove what was never finished, by processes that died at it."""
    drafts = directory.names(DRAFT_SUFFIX)
    if not drafts:
        return
    with directory.locked(NUMBER_LOCK) as nobody_starts:
        alive = set()
        for name in workers(directory, alive=True):
            alive.add(name.removesuffix(WORKER_SUFFIX))
            yield
        for name in drafts:
            owner, *rest = name.split(".")
            unfinished_start = len(rest) == 1
            if (unfinished_start and nobody_starts) or not (unfinished_start or owner in alive):
                directory.remove(name)
                yield


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
            fd = directory.open(TOTALS)
            with os.fdopen(fd, "rb") as file:
                layout.unpack_header(file.read(layout.HEADER_BYTES))
        except OSError as error:
            if error.errno in OWN_TROUBLE | CLOSED:
                return False
        except Damaged as damage:
            if damage.reason == layout.LATER:
                return False
        _put_aside(directory)
    return True


def _put_aside(directory: Directory) -> None:
    """Keep damaged totals for whoever may make sense of them: the last few, for they take room."""
    aside = f"{TOTALS}.{time.time_ns()}{DAMAGED_SUFFIX}"
    os.rename(TOTALS, aside, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
    for name in directory.names(DAMAGED_SUFFIX)[:-MOST_DAMAGED]:
        directory.remove(name)


def _with_room(
    totals: File | None, dead: list[File], skip: Skip
) -> Generator[None, None, tuple[bytes, list[File]]]:
    """New totals, and the dead in them: those that leave them small enough to be read again."""
    with contextlib.suppress(Damaged):
        return (yield from _folded(totals, dead)), dead
    new, fitting = b"", list[File]()
    for file in dead:
        try:
            new, fitting = (yield from _folded(totals, [*fitting, file])), [*fitting, file]
        except Damaged as damage:
            skip(file.name, damage.reason)
    return new, fitting


def _folded(totals: File | None, dead: list[File]) -> Generator[None, None, bytes]:
    """The bytes of new totals. Raises `Damaged` where no reader would take them."""
    everything = [*([totals] if totals else []), *dead]
    families = merged((file.index.schema for file in everything), _OF_THE_DEAD)
    sums: Sums = {}
    people: dict[str, user.AppFamily] = {}
    for file in everything:
        yield from _add_counts(sums, families, file)
    for file in dead:
        yield
        _add_death(sums, file)
    for snapshot in (totals.index.user if totals else b"", *(file.user for file in dead)):
        yield
        with contextlib.suppress(Damaged):
            user.merge(people, user.decode(snapshot), worker=None)
    kept = totals.index.folded[-IDS_KEPT:] if totals else ()
    notes = {
        Block.FOLDED: b"".join([*kept, *(file.header.id for file in dead)]),
        Block.USER: user.encode(people.values()),
        Block.SLOW: slow_requests.encode(
            record for file in everything for record in slow_requests_in(file)
        ),
    }
    blocks = yield from _packed(families, sums)
    return _pack(families, blocks, notes, min(file.header.started for file in everything))


def _add_counts(sums: Sums, families: dict[str, Family], file: File) -> Steps:
    for number, series in enumerate(file.index.series):
        if number % AT_ONCE == 0:
            yield
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
        if rowless := file.word(layout.UNTRACKED):
            _add(sums, (lost, (UNKNOWN,)), (rowless,))


def _add(sums: Sums, key: tuple[str, tuple[str, ...]], values: tuple[int, ...]) -> None:
    before = sums.get(key)
    sums[key] = values if before is None else tuple(map(add, before, values))


def _packed(families: dict[str, Family], sums: Sums) -> Generator[None, None, list[bytes]]:
    """The blocks of some series, each with its values."""
    numbers = {family.name: number for number, family in enumerate(_kept(families))}
    blocks = []
    for number, ((name, labels), values) in enumerate(sums.items()):
        if number % AT_ONCE == 0:
            yield
        head = layout.block(Block.SERIES, layout.series_key(numbers[name], labels), len(values))
        blocks.append(head + struct.pack(f"<{len(values)}Q", *(v % (1 << 64) for v in values)))
    return blocks


def _kept(families: dict[str, Family]) -> tuple[Family, ...]:
    return tuple(family for family in families.values() if family.kind != "gauge")


def _pack(
    families: dict[str, Family],
    series: Collection[bytes],
    notes: Mapping[Block, bytes],
    started: int,
) -> bytes:
    """Totals, of the blocks of their series. Raises `Damaged` where no reader would take them."""
    schema = encode(_kept(families))
    for size, most in (
        (len(_kept(families)), MOST_FAMILIES),
        (len(schema), MOST_BYTES),
        (len(series), MOST_SERIES),
        (len(notes.get(Block.USER, b"")), user.MOST_BYTES),
    ):
        if size > most:
            raise Damaged("too_large")
    parts = [layout.block(Block.SCHEMA, schema, 0), *series]
    parts += [layout.block(kind, key, 0) for kind, key in notes.items()]
    arena = b"".join(parts)
    header = layout.blocks_only(os.urandom(16), os.getpid(), started, len(arena))
    if header.size > layout.MOST_BYTES:
        raise Damaged("too_large")
    front = bytearray(layout.HEADER_BYTES)
    packed = layout.pack_header(header)
    front[: len(packed)] = packed
    struct.pack_into("<Q", front, layout.USED * layout.WORD, header.size)
    return bytes(front) + arena
