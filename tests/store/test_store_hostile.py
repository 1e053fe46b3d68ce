"""A directory that others may write to: the page stands, and says what it skips."""

import itertools
import os
import socket
import struct
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from sidelight.contract import DURATION, DURATION_BUCKETS, METRICS
from sidelight.store import directory_reader, file_index, layout, locks, reader, schema
from sidelight.store.directory import Directory
from sidelight.store.layout import BlockKind, FileHeader
from sidelight.store.schema import StoredFamily
from tests.descriptors import open_descriptors
from tests.store.driving import count, killed, shared, sizes, worker
from tests.store.pages import Reader, named, requests

REAL = 5
LABELS = ("GET", "/items", "200", "", "http")
quiet = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@pytest.fixture
def alive(where: Directory) -> Iterator[Path]:
    """A directory in which a real worker has counted five requests."""
    mine = worker(where, REAL)
    yield Path(where.path)
    killed(mine)


def made(
    families: tuple[StoredFamily, ...],
    series: Sequence[tuple[int, tuple[str, ...], list[int]]],
    notes: Sequence[tuple[BlockKind, bytes]] = (),
    slots: int = layout.SLOTS,
) -> tuple[str, bytearray, FileHeader]:
    """A file with right checksums: its name, bytes and header."""
    arena = layout.pack_block(BlockKind.SCHEMA, schema.encode(families), 0)
    for kind, key in notes:
        arena += layout.pack_block(kind, key, 0)
    for number, labels, values in series:
        head = layout.pack_block(BlockKind.SERIES, layout.series_key(number, labels), len(values))
        arena += head + struct.pack(f"<{len(values)}Q", *values)
    header = layout.worker_header(100, os.urandom(16), 3, 4, 5)
    exemplars_at = header.slots_at + slots * header.slot_bytes
    arena_at = exemplars_at + header.exemplars * header.exemplar_bytes
    header = header._replace(
        slots=slots, exemplars_at=exemplars_at, arena_at=arena_at, size=arena_at + len(arena)
    )
    data = bytearray(arena_at) + arena
    packed = layout.pack_header(header)
    data[: len(packed)] = packed
    struct.pack_into("<Q", data, layout.USED * 8, len(data))
    struct.pack_into("<Q", data, layout.STATE * 8, 1)
    return f"{header.id.hex()}.worker", data, header


def held(path: Path, data: bytes | bytearray) -> int:
    """A file whose process seems to live."""
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    assert locks.acquire(fd)
    return fd


def check(where: Directory, *reasons: str) -> None:
    """Three scrapes of one reader and one of another parse and keep the real worker's counts."""
    staying = Reader(where)
    for _ in range(3):
        page = staying.page()
    assert requests(page) == requests(Reader(where).page()) == REAL
    for reason in reasons:
        assert named(page, "sidelight_files_skipped_total", reason=reason) >= 1


def junk(path: Path, kind: str) -> None:
    """Something that is no worker's file, under the name of one."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made_socket:
            made_socket.bind(str(path))
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(10 * 1024**3)
    else:
        path.write_bytes({"empty": b"", "short": b"SIDELITE", "random": os.urandom(5000)}[kind])


KINDS = ["fifo", "folder", "link", "loop", "device", "socket", "sparse", "empty", "short", "random"]
NAMES = [
    "a.worker",
    "totals",
    f"{'0' * 32}.user",
    "x.draft",
    "line\nbreak.worker",
    "b.worker.draft",
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_of_ours_is_skipped(where: Directory, alive: Path, kind: str) -> None:
    """Pipes, folders, links, devices, sockets and huge files in any place leave the page whole."""
    for number, name in enumerate(NAMES):
        long = len(os.fsencode(alive / name)) >= 100
        junk(alive / (f"s{number}.worker" if kind == "socket" and long else name), kind)
    began = time.monotonic()
    check(where, *(["unreadable"] if kind == "fifo" else []))
    assert time.monotonic() - began < 5
    assert Path("/etc/passwd").read_bytes()


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "sparse", "device"])
def test_a_snapshot_that_is_none_takes_no_counts_with_it(
    where: Directory, alive: Path, kind: str
) -> None:
    """Whatever is in place of a worker's snapshot, its counts are exported, with a reason."""
    (name,) = where.names(".worker")
    junk(alive / name.replace(".worker", ".user"), kind)
    check(where, "too_large" if kind == "sparse" else "unreadable")


def test_damaged_totals_are_kept_up_to_a_number(where: Directory) -> None:
    """Of totals that are damaged again and again, the last four stay, and take no more room."""
    written = [f"no totals {number}".encode() for number in range(7)]
    for bad in written:
        where.write("totals", bad)
        killed(worker(where, REAL))
        check(where, "truncated")
    kept = [(Path(where.path) / name).read_bytes() for name in where.names(".damaged")]
    assert kept == written[-4:]


def test_a_totals_that_is_a_link_is_not_followed(where: Directory, tmp_path: Path) -> None:
    """A link in place of the totals is put aside, and what it leads to stays as it was."""
    target = tmp_path / "elsewhere"
    target.write_bytes(b"mine")
    (Path(where.path) / "totals").symlink_to(target)
    killed(worker(where, REAL))
    check(where)
    assert target.read_bytes() == b"mine"
    assert not (Path(where.path) / "totals").is_symlink()


@pytest.mark.parametrize("files", sizes(500, 5000))
def test_many_junk_files_take_neither_descriptors_nor_time(
    where: Directory, alive: Path, files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many junk files are open one after another: the page stands, and each is counted."""
    opens, held = Directory.open, [open_descriptors(where.path)]

    def opened(directory: Directory, *args: Any) -> int:
        fd = opens(directory, *args)
        held.append(open_descriptors(where.path))
        return fd

    real = (alive / where.names(".worker")[0]).read_bytes()
    for number in range(files):
        (alive / f"{number:032x}.worker").write_bytes(real[:400] if number % 2 else b"junk")
    staying = Reader(where)
    with monkeypatch.context() as patch:
        patch.setattr(Directory, "open", opened)
        staying.page()
    assert len(held) > files
    assert max(held) - held[0] == 2  # a junk file, and the lock or the file of a worker
    began = time.thread_time()
    page = staying.page()
    assert time.thread_time() - began < 2
    assert requests(page) == REAL
    assert named(page, "sidelight_files_skipped_total") == files


def test_the_memory_of_what_was_skipped_is_bounded(
    where: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that always has another name is remembered only so often."""
    monkeypatch.setattr(directory_reader, "MAX_SKIPPED", 10)
    staying = directory_reader.DirectoryReader(where)
    for number in range(100):
        staying.skip(f"{number}.worker", "torn")
    assert len(staying.skipped) == 11


def test_a_skipped_file_is_logged_once_on_one_line(
    where: Directory, alive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A name with a line break makes no second line of the log, nor does a second scrape."""
    (alive / "x\nERROR forged.worker").write_bytes(b"junk")
    staying = Reader(where)
    for _ in range(3):
        staying.page()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "\n" not in told[0]


@pytest.mark.parametrize("examples", sizes(10, 50))
def test_flipped_bits_in_real_files_break_no_page(tmp_path: Path, examples: int) -> None:
    """Worker files, totals and snapshots with bits flipped or cut, read by one that stays."""
    folders = (tmp_path / str(number) for number in itertools.count())

    @settings(quiet, max_examples=examples)
    @given(some.data())
    def flipped(data: some.DataObject) -> None:
        where = shared(next(folders))
        killed(worker(where, 3))
        staying = Reader(where)
        staying.check_page()
        mine = worker(where, 3)
        where.write(mine.name.replace(".worker", ".user"), b'[["a","counter","","","",[],[]]]')
        staying.check_page()
        for name in [name for name in where.names("") if not name.endswith(".lock")]:
            damage(Path(where.path) / name, data, keep_length=name == mine.name)
            staying.check_page()
        Reader(where).check_page()
        killed(mine)
        staying.check_page()
        where.close()

    flipped()


def damage(path: Path, data: some.DataObject, *, keep_length: bool) -> None:
    """Flip bits of a file in place, as a process that writes to a running worker's file does."""
    bad = bytearray(path.read_bytes())
    far = some.one_of(some.integers(0, 500), some.integers(0, len(bad) - 1))
    for at in data.draw(some.lists(far, max_size=6)):
        bad[at % len(bad)] ^= data.draw(some.integers(1, 255))
    cut = data.draw(some.one_of(some.none(), some.integers(0, len(bad))))
    with path.open("r+b") as file:
        file.write(bad[:cut])
        if cut is not None and not keep_length:
            file.truncate(cut)


TEXTS = some.one_of(
    some.text(max_size=20), some.sampled_from(['"', "\n", "\\", "{}", '\\\n"', "%d"])
)


@pytest.mark.parametrize("examples", sizes(10, 50))
def test_label_values_of_any_text_break_no_page(where: Directory, examples: int) -> None:
    """Label values and numbers of labels that no worker writes: both formats parse, none twice."""
    families = schema.schema(DURATION_BUCKETS)

    @settings(quiet, max_examples=examples)
    @given(some.lists(some.lists(TEXTS, min_size=0, max_size=6), max_size=6), some.booleans())
    def labelled(keys: list[list[str]], living: object) -> None:
        for name in where.names(".worker"):
            where.remove(name)
        series = [
            (at, tuple(labels), [1 << 63] * families[at].values)
            for at, labels in zip(itertools.cycle(range(len(families))), keys * len(families))
        ]
        name, data, _ = made(families, series)
        path = Path(where.path) / name
        fd = held(path, data) if living else None
        if fd is None:
            path.write_bytes(data)
        Reader(where).check_page()
        Reader(where).check_page()
        if fd is not None:
            os.close(fd)

    labelled()


def test_a_label_of_100_kb_is_left_out_and_said(where: Directory, alive: Path) -> None:
    """A series whose labels are longer than a page may want is left out, and the rest is there."""
    families = schema.schema(DURATION_BUCKETS)
    values = [0, *([1] * (families[0].values - 1))]
    good = (0, LABELS, values)
    name, data, _ = made(families, [(0, ("GET", "x" * 100_000, "", "", "http"), values), good])
    fd = held(alive / name, data)
    staying = Reader(where)
    page = staying.page()
    assert requests(page) == REAL + len(values) - 1
    assert named(page, "sidelight_files_skipped_total", reason="long_labels") == 1
    os.close(fd)


def test_a_file_that_shrinks_what_it_uses_is_skipped(where: Directory, alive: Path) -> None:
    """A file that says it holds less than it did breaks no reader that knew it before."""
    families = schema.schema(DURATION_BUCKETS)
    values = [0, *([1] * (families[0].values - 1))]
    name, data, header = made(families, [(0, LABELS, values)])
    fd = held(alive / name, data)
    staying = Reader(where)
    assert requests(staying.page()) == REAL + len(values) - 1
    with (alive / name).open("r+b") as file:
        file.seek(layout.USED * 8)
        file.write(struct.pack("<Q", header.arena_at))
    assert requests(staying.page()) == REAL
    assert "truncated" in staying.reasons
    with (alive / name).open("r+b") as file:
        file.seek(layout.USED * 8)
        file.write(struct.pack("<Q", len(data)))
    assert requests(staying.page()) == REAL + len(values) - 1
    os.close(fd)


def test_a_second_schema_in_a_file_is_no_schema(where: Directory, alive: Path) -> None:
    """A file that changes its schema midway is skipped, and breaks no merge."""
    families = schema.schema(DURATION_BUCKETS)
    other = schema.encode((StoredFamily("made_up", "counter", ()),))
    name, data, _ = made(families, [(0, LABELS, [1] * families[0].values)])
    data += layout.pack_block(BlockKind.SCHEMA, other, 0)
    _, _, header = made(families, [])
    header = layout.unpack_header(bytes(data))._replace(size=len(data))
    packed = layout.pack_header(header)
    data[: len(packed)] = packed
    struct.pack_into("<Q", data, layout.USED * 8, len(data))
    (alive / name).write_bytes(data)
    check(where, "torn")


def test_many_boundaries_cost_a_page_no_more_than_they_may(where: Directory, alive: Path) -> None:
    """Two files with a thousand boundaries each lose no count, and take no noticeable time."""
    fds = []
    for shift in (0.0, 0.5):
        bounds = tuple(shift + number for number in range(1000))
        family = StoredFamily(DURATION.name, "histogram", bounds)
        series = [(0, ("GET", f"/{n}", "200", "", "http"), [0, *([1] * 1001)]) for n in range(20)]
        name, data, _ = made((family,), series)
        fds.append(held(alive / name, data))
    began = time.thread_time()
    staying = Reader(where)
    snapshot = staying.snapshot()
    assert time.thread_time() - began < 2
    found = sum(sum(v[1:]) for key, v in snapshot.sums.items() if key.family.name == DURATION.name)
    assert found == REAL + 2 * 20 * 1001
    assert all(len(key.family.bounds) <= schema.MAX_BOUNDS for key in snapshot.sums)
    for fd in fds:
        os.close(fd)


def test_a_negative_boundary_is_skipped(where: Directory, alive: Path) -> None:
    """A boundary below zero, beside which no page may show a sum, makes a file that is skipped."""
    family = StoredFamily(DURATION.name, "histogram", (-1.0, 1.0))
    name, data, _ = made((family,), [(0, LABELS, [1, 1, 1, 1])])
    (alive / name).write_bytes(data)
    check(where, "torn")


def test_families_without_number_never_make_totals_that_no_one_reads(
    where: Directory, alive: Path
) -> None:
    """Of stopped workers with too many families for the totals, those that fit are merged."""
    for part in range(3):
        families = tuple(StoredFamily(f"made_{part}_{n}", "counter", ()) for n in range(400))
        name, data, _ = made(families, [(0, ("",), [7])])
        (alive / name).write_bytes(data)
    killed(worker(where, REAL))
    staying = Reader(where)
    for _ in range(3):
        page = staying.page()
        assert requests(page) == 2 * REAL
    assert "too_large" in staying.reasons
    assert requests(Reader(where).page(merge=False)) == 2 * REAL
    assert not where.names(".damaged")


def test_totals_never_grow_past_what_a_reader_takes(
    where: Directory, alive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped worker's file that would make the totals too large stays, and is still counted."""
    from sidelight.store import totals

    monkeypatch.setattr(totals, "MAX_SERIES", 5)
    families = schema.schema(DURATION_BUCKETS)
    values = [0, *([1] * (families[0].values - 1))]
    series = [(0, ("GET", f"/{n}", "200", "", "http"), values) for n in range(50)]
    name, data, _ = made(families, series)
    (alive / name).write_bytes(data)
    killed(worker(where, REAL))
    staying = Reader(where)
    for _ in range(2):
        assert requests(staying.page()) == 2 * REAL + 50 * (len(values) - 1)
    assert len(where.names(".worker")) == 2
    assert "too_large" in staying.reasons


def test_exemplars_of_no_bucket_and_no_time_are_left_out(where: Directory, alive: Path) -> None:
    """Exemplars for lines that may have none, or with times that are no numbers, break no page."""
    families = schema.schema(DURATION_BUCKETS)
    gauge = next(n for n, family in enumerate(families) if family.kind == "gauge")
    name, data, header = made(
        families, [(0, LABELS, [1] * families[0].values), (gauge, ("GET", "http"), [1])]
    )
    places = [
        at for kind, _, _, at in layout.iter_blocks(bytes(data), header.arena_at) if kind == 1
    ]
    slot = 0
    for at in places:
        for bucket in (0, 3, 14, 15, 16, 17, 1 << 31):
            for seconds in (1.5, float("nan"), float("inf"), 1e300, -1.0):
                value = float("nan") if bucket == 3 else 0.2
                rest = struct.pack("<IQ16s8sdd", bucket, at, b"t" * 16, b"s" * 8, value, seconds)
                start = header.exemplars_at + slot * header.exemplar_bytes
                data[start : start + layout.EXEMPLAR.size] = layout.with_checksum(rest)
                slot += 1
    fd = held(alive / name, data)
    snapshot = Reader(where).snapshot()
    assert snapshot.exemplars
    Reader(where).page()
    os.close(fd)


def test_an_exemplar_is_in_its_own_bucket_under_other_boundaries(where: Directory) -> None:
    """Beside a worker with more boundaries, an exemplar stays with the bucket that counts it."""
    first = worker(where, 1, (1.0, 2.0))
    second = worker(where, 1, (0.5, 1.0, 1.5, 2.0))
    tally = first.series(DURATION, LABELS)
    first.set_exemplar(tally, 1, b"t" * 16, b"s" * 8, 1.8)
    snapshot = Reader(where).snapshot()
    ((key, bucket),) = snapshot.exemplars
    assert key.family.bounds[bucket] == 2.0
    killed(first)
    killed(second)


@pytest.mark.parametrize(
    "table",
    [
        "GET\t/{a:path}{b:path}{c:path}{d:path}{e:path}{f:path}{g:path}{h:path}!\t1\n",
        "GET\t/" + "{a}" * 60 + "!\t1\n",
        "GET\t/" + "{a:int}" * 60 + "!\t1\n",
        "GET\t/" + "{a:float}x{b:path}" * 40 + "!\t1\n",
        ("GET\t/" + "{a:path}x" * 100 + "!\t1\n") * 800,
        "GET\t/{x:path}\tnan\nGET\t/y\tinf\nGET\t/z\t-1\nGET\t/w\t1e300\n",
        "GET\t/{x}\t1\n" * 100_000,
    ],
)
def test_no_route_table_makes_a_scrape_hang(where: Directory, alive: Path, table: str) -> None:
    """Tables that a naive matcher needs exponential time for are matched quickly."""
    name, data, header = made(
        schema.schema(DURATION_BUCKETS),
        [],
        [(BlockKind.ROUTES, table.encode()), (BlockKind.ROOTS, b"http /api")],
    )
    for number, filling in enumerate((b"x", b"1", b"/", b"x/1")):
        path = (b"/" + filling * 140)[: layout.PATH_BYTES - 1].ljust(layout.PATH_BYTES, b"\0")
        row = struct.pack("<QQ", 5, layout.pack_method_scheme("http", "GET")) + path
        at = header.slots_at + number * header.slot_bytes
        data[at : at + len(row)] = row
    fd = held(alive / name, data)
    began = time.thread_time()
    staying = Reader(where)
    page = staying.page()
    assert time.thread_time() - began < 5
    assert requests(page) == REAL
    assert named(page, "fastapi_active_requests") == 4
    os.close(fd)


def test_records_without_number_are_refused(where: Directory, alive: Path) -> None:
    """A file with many times the rows of a worker's is skipped, not gone through."""
    name, data, _ = made(schema.schema(DURATION_BUCKETS), [], slots=100_000)
    (alive / name).write_bytes(data)
    check(where, "torn")


def test_all_files_together_take_only_so_much_memory(
    where: Directory, alive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where each file asks for all that one may have, most are skipped, and memory is bounded."""
    _, data, header = made(schema.schema(DURATION_BUCKETS), [])
    header = header._replace(size=layout.MAX_BYTES)
    fds = []
    for number in range(12):
        header = header._replace(id=b"\xff" * 15 + bytes([number]))
        packed = layout.pack_header(header)
        data[: len(packed)] = packed
        struct.pack_into("<Q", data, layout.USED * 8, layout.MAX_BYTES)
        path = alive / f"{header.id.hex()}.worker"
        fds.append(held(path, data))
        os.truncate(path, layout.MAX_BYTES)
    monkeypatch.setattr(directory_reader, "MAX_WEIGHT", 4 * layout.MAX_BYTES)
    tracemalloc.start()
    staying = Reader(where)
    snapshot = staying.snapshot()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * layout.MAX_BYTES
    assert "too_large" in staying.reasons
    assert (
        sum(sum(v[1:]) for k, v in snapshot.sums.items() if k.family.name == DURATION.name) == REAL
    )
    for fd in fds:
        os.close(fd)


def test_a_page_has_room_for_so_much_and_says_what_had_none(
    where: Directory, alive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Series past what a page may hold are left out, and the file is counted as skipped."""
    from sidelight.export import collector

    monkeypatch.setattr(collector, "MAX_EXPORTED", 100_000)
    families = schema.schema(DURATION_BUCKETS)
    series = [
        (0, ("GET", f"/{n}", "200", "", "http"), [1] * families[0].values) for n in range(300)
    ]
    name, data, _ = made(families, series)
    fd = held(alive / name, data)
    page = Reader(where).page()
    assert named(page, "sidelight_files_skipped_total", reason="page_full") >= 1
    assert named(page, "sidelight_series") < 100
    os.close(fd)


def test_counters_without_labels_are_there_once(where: Directory, alive: Path) -> None:
    """A label on a family that has none adds no second sample of the same name."""
    families = schema.schema(DURATION_BUCKETS)
    plain = next(n for n, f in enumerate(families) if f.name == "sidelight_series_overflow_total")
    assert METRICS["sidelight_series_overflow_total"].labels == ()
    name, data, _ = made(
        families, [(plain, ("",), [1]), (plain, ("x",), [1]), (plain, ("y",), [1])]
    )
    fd = held(alive / name, data)
    assert named(Reader(where).page(), "sidelight_series_overflow_total") == 1
    os.close(fd)


def test_a_reader_takes_a_step_back_after_a_few_blocks(where: Directory) -> None:
    """A file of many series is read in steps, so that an event loop can do other work."""
    families = schema.schema(DURATION_BUCKETS)
    series = [
        (0, ("GET", f"/{n}", "200", "", "http"), [1] * families[0].values) for n in range(2000)
    ]
    name, data, _ = made(families, series)
    path = Path(where.path) / name
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    steps = list(reader.reading(name, fd, {}, alive=True))
    os.close(fd)
    assert len(steps) >= 2000 / file_index.BLOCKS_AT_ONCE


def test_nothing_outside_of_the_directory_is_touched(tmp_path: Path) -> None:
    """Links to elsewhere, under every name that a reader knows, change nothing there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    where = shared(tmp_path / "store")
    killed(worker(where, REAL))
    for name in ("a.worker", "a.user", "a.draft", "b.worker.1.draft", "totals"):
        (tmp_path / "store" / name).symlink_to(outside / "kept")
    (tmp_path / "store" / "c.draft").symlink_to(outside)
    before = (outside / "kept").stat()
    for _ in range(2):
        assert requests(Reader(where).page()) == REAL
    after = (outside / "kept").stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    assert [path.name for path in outside.iterdir()] == ["kept"]
    where.close()


def test_counts_go_on_beside_all_of_it(where: Directory, alive: Path) -> None:
    """A real worker beside junk counts on, is merged, and nothing of it is lost."""
    for kind in KINDS:
        if kind != "socket":
            junk(alive / f"{kind}.worker", kind)
    mine = worker(where, 2)
    staying = Reader(where)
    assert requests(staying.page()) == REAL + 2
    count(mine, 3)
    killed(mine)
    assert requests(staying.page()) == REAL + 5
    assert where.names("totals") == ["totals"]
