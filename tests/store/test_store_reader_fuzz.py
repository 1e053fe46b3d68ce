"""Readers of files that were cut, flipped, or made up."""

import os
import struct
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from sidelight.contract import METRICS
from sidelight.errors import InvalidDataError
from sidelight.store import layout, reader
from sidelight.store.directory import Directory, open_shared
from sidelight.store.layout import BlockKind, pack_method_scheme
from sidelight.store.schema import StoredFamily, encode
from sidelight.store.totals import _pack
from tests.store.driving import count, killed, merge_all, totalled, worker

quiet = settings(suppress_health_check=[HealthCheck.too_slow])


@cache
def real() -> bytes:
    """A file of a worker that has series, a route table, requests in flight and exemplars."""
    with tempfile.TemporaryDirectory() as folder:
        where = open_shared(folder)
        file = worker(where, 7)
        file.append_block(BlockKind.ROUTES, b"GET\t/items/{item_id:int}\t1.0\n")
        file.append_block(BlockKind.ROOTS, b"http /api")
        for start, path in ((5, b"/items/7"), (6, b"/" + b"x" * 500)):
            file.acquire_slot(pack_method_scheme("http", "GET"), path, start)
        tally = file.series(METRICS["fastapi_slow_requests_total"], ("GET", "/items"))
        file.set_exemplar(tally, 0, b"t" * 16, b"s" * 8, 1.5)
        data = (Path(folder) / file.name).read_bytes()
        killed(file)
        where.close()
    return data


def check_reading(data: bytes, *, alive: bool | None = None) -> reader.FileContents | None:
    """Everything a reader does with a file; None when it was refused."""
    fd = os.memfd_create("fuzz")
    try:
        os.write(fd, data)
        name = f"{data[16:32].hex()}.worker"
        file = reader.read(name, fd, {}, alive=alive)
    except (InvalidDataError, OSError):
        return None
    finally:
        os.close(fd)
    for series in file.index.series:
        assert len(series.unpack(file.data, series.at)) == series.family.values
    reader.inflight_requests(file)
    reader.exemplars(file)
    assert isinstance(file.clean, bool)
    return file


def test_the_file_that_is_damaged_below_is_sound() -> None:
    """The file under test is read, with its requests in flight and its exemplar."""
    file = check_reading(real())
    assert file is not None
    assert [row.path for row in reader.inflight_requests(file) if row.whole] == [b"/items/7"]
    assert len(reader.inflight_requests(file)) == 2
    assert [(t.trace_id, t.value) for t in reader.exemplars(file)] == [("74" * 16, 1.5)]
    assert file.index.roots == ["http /api"]


@quiet
@given(some.binary(max_size=4096))
def test_random_bytes_are_refused(data: bytes) -> None:
    """Random bytes are no file."""
    assert check_reading(data) is None


@quiet
@given(some.integers(0, len(real())))
def test_a_truncated_file_is_refused(length: int) -> None:
    """A file cut anywhere is refused."""
    assert check_reading(real()[: min(length, len(real()) - 1)]) is None


@quiet
@given(
    some.lists(some.tuples(some.integers(0, len(real()) - 1), some.integers(1, 255)), max_size=8)
)
def test_a_file_with_flipped_bits_is_read_or_refused(flips: list[tuple[int, int]]) -> None:
    """Flipped bits make a file that is refused, or one whose series all have whole values."""
    data = bytearray(real())
    for at, bits in flips:
        data[at] ^= bits
    check_reading(bytes(data))
    check_reading(bytes(data), alive=False)


@quiet
@given(some.integers(0, 3000), some.binary(min_size=1, max_size=64))
def test_an_overwritten_arena_is_read_or_refused(at: int, noise: bytes) -> None:
    """The part with the blocks, overwritten at any place, breaks no reader."""
    data = bytearray(real())
    start = layout.unpack_header(real()).arena_at + at
    data[start : start + len(noise)] = noise
    check_reading(bytes(data[: len(real())]))


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_file_cut_while_it_is_read_is_refused(after: int) -> None:
    """A file that is cut between two reads of one reader is a short read, nothing worse."""
    with pytest.MonkeyPatch.context() as patch:
        calls = 0
        pread = os.pread

        def cutting(fd: int, length: int, at: int) -> bytes:
            nonlocal calls
            if calls == after:
                os.ftruncate(fd, 200)
            calls += 1
            return pread(fd, length, at)

        patch.setattr(os, "pread", cutting)
        assert check_reading(real()) is None


FAMILIES = some.lists(
    some.builds(
        StoredFamily,
        some.sampled_from([*METRICS, "made_up"]),
        some.sampled_from(["counter", "gauge", "histogram"]),
        some.lists(some.floats(allow_nan=True), max_size=4).map(tuple),
    ),
    max_size=4,
)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory for many examples."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@quiet
@given(FAMILIES, some.lists(some.binary(max_size=20), max_size=4), some.data())
def test_a_made_up_file_never_breaks_a_merge(
    place: Path, families: list[StoredFamily], keys: list[bytes], draw: Any
) -> None:
    """A stopped worker's file with right checksums and any families is merged or skipped."""
    where = open_shared(str(place))
    for name in where.names(""):
        (place / name).unlink()
    header = layout.worker_header(100, os.urandom(16), 0, 0, 0)
    data = bytearray(header.size)
    packed = layout.pack_header(header)
    data[: len(packed)] = packed
    arena = layout.pack_block(BlockKind.SCHEMA, encode(tuple(families)), 0)
    for number, key in enumerate(keys):
        values = draw.draw(some.sampled_from([1, *(f.values for f in families)]))
        whole = b"%d\0" % (number % 3) + key
        kind = draw.draw(some.sampled_from([BlockKind.SERIES, BlockKind.STARTED_SERIES]))
        if kind is BlockKind.STARTED_SERIES:
            whole = draw.draw(some.binary(min_size=8, max_size=8)) + whole
        arena += layout.pack_block(kind, whole, values) + struct.pack("<Q", 9) * values
    data[header.arena_at : header.arena_at + len(arena)] = arena
    struct.pack_into("<Q", data, layout.USED * 8, header.arena_at + len(arena))
    (place / f"{header.id.hex()}.worker").write_bytes(data)
    mine = worker(where, 3)
    merge_all(where)
    assert totalled(where) >= 3
    killed(mine)
    where.close()


def check(where: Directory, path: Path, data: bytes, name: str = "aa.worker") -> None:
    """A merge with this file beside a real worker leaves that worker's counts alone."""
    mine = worker(where, 5)
    (path / name).write_bytes(data)
    skipped: list[tuple[str, str]] = []
    merge_all(where, skipped)
    count(mine, 5)
    assert totalled(where, skipped) == 10
    assert skipped
    killed(mine)


def hostile(families: list[StoredFamily]) -> bytes:
    """A file with right checksums and these families, as another version might write it."""
    return _pack({family.name: family for family in families}, {}, {}, 1)


@pytest.mark.parametrize("bounds", [(float("nan"),), (1.0, float("nan")), (float("inf"),)])
def test_boundaries_that_are_no_numbers_are_skipped(
    where: Directory, tmp_path: Path, bounds: tuple[float, ...]
) -> None:
    """A stopped worker's file with NaN or infinity among its boundaries is skipped, not merged."""
    family = StoredFamily("http_server_request_duration_seconds", "histogram", bounds)
    check(where, tmp_path / "store", hostile([family]))


def test_a_counter_with_boundaries_is_skipped(where: Directory, tmp_path: Path) -> None:
    """A stopped worker's file that gives boundaries to a counter is skipped, not merged."""
    family = StoredFamily("sidelight_worker_exits_total", "counter", (1.0,))
    check(where, tmp_path / "store", hostile([family]))


def test_a_copy_of_a_workers_file_is_not_counted_again(where: Directory, tmp_path: Path) -> None:
    """A copied file, under another name and with no process, adds nothing and hides nothing."""
    mine = worker(where, 5)
    data = (tmp_path / "store" / mine.name).read_bytes()
    (tmp_path / "store" / "copy.worker").write_bytes(data)
    assert totalled(where) == 5
    merge_all(where)
    count(mine, 5)
    assert totalled(where) == 10
    killed(mine)
