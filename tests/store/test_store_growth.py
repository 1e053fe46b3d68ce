"""A worker's file gets memory as its series need it, and never touches what it has not got."""

import errno
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidelight.asgi.series import SeriesWriter
from sidelight.contract import DURATION
from sidelight.settings import load
from sidelight.store import layout
from sidelight.store.directory import Directory
from sidelight.store.mapped_file import StoreFull
from sidelight.store.process_store import Store
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from tests.live.tmpfs import tmpfs
from tests.store import growing
from tests.store.driving import LABELS, count, killed, merge_all, open_store, shared, totalled
from tests.store.growing import labels
from tests.store.test_store_cap import fill

MIB = 2**20


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory in memory, where a file has the blocks that it was given or that were touched."""
    if not Path("/dev/shm").is_dir():
        pytest.skip("there is no /dev/shm")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def allocated(store: Store) -> int:
    """The bytes of memory that a worker's file has."""
    return os.fstat(store.file.fd).st_blocks * 512


def made(file: WorkerFile, wanted: int) -> int:
    """How many of so many series of durations have room."""
    for number in range(wanted):
        try:
            file.series(DURATION, labels(number))
        except StoreFull:
            return number
    return wanted


def use(file: WorkerFile, series: int) -> None:
    """Count a request in so many series of durations."""
    for number in range(series):
        file.observe(DURATION, labels(number), 3_000_000)


def test_a_worker_with_300_series_has_one_mebibyte(memory: Path) -> None:
    """A file has half a MiB at its start, and with 300 series of durations at most one."""
    store = open_store(memory / "store")
    assert allocated(store) == store.file._allocated <= MIB // 2
    use(store.file, 300)
    assert store.file._end < allocated(store) == store.file._allocated <= MIB
    store.close()


def test_a_worker_at_the_default_limit_has_six_mebibytes(memory: Path) -> None:
    """All label sets that the default allows take at most 6 MiB, and no more is ever given."""
    store = open_store(memory / "store")
    assert 3500 < made(store.file, 4001) <= 4000
    with pytest.raises(StoreFull):
        fill(store.file, b"x" * 1000)
    assert 5 * MIB < allocated(store) == store.file._allocated <= 6 * MIB
    store.close()


def test_a_usual_service_reaches_the_limit_of_series(memory: Path) -> None:
    """With three durations to one size, 4,000 label sets have room for labels of usual length."""
    from sidelight.contract import METRICS

    size = METRICS["http_server_response_body_size_bytes"]
    store = open_store(memory / "store")
    for number in range(4000):
        if number % 4:
            store.file.series(DURATION, labels(number))
        else:
            store.file.series(size, labels(number)[:2])
    with pytest.raises(StoreFull):
        store.file.series(DURATION, labels(4001))
    assert store.file._capped_series == 4000
    store.close()


def test_nothing_is_touched_that_was_not_given(memory: Path) -> None:
    """Counting, reading, merging and renewing leave a file with the memory that it was given."""
    store = open_store(memory / "store")
    use(store.file, 50)
    where = shared(memory / "store")
    merge_all(where)
    assert totalled(where) == 50
    assert allocated(store) == store.file._allocated
    for path in (memory / "store").glob("*.worker"):
        path.unlink()
    assert store.renew()
    use(store.file, 60)
    assert totalled(where) == 110
    assert allocated(store) == store.file._allocated < store.file._header.size
    where.close()
    store.close()


def test_a_file_without_further_memory_counts_each_request(
    where: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the directory is full, no series is made, known ones count, and so does the reserve."""
    file = WorkerFile(where, schema(load({}, {}).buckets), 4000)
    count(file, 3)

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        assert made(file, 4000) < 100
        count(file, 4)
        writer = SeriesWriter(file)
        at, exact = writer.series(DURATION, labels(4000))
        writer.add(at, 1, 5)
        last = file.series(DURATION, ("_OTHER", "_OTHER", "2xx", "", "_OTHER"), reserved=True)
        assert (at, exact) == (last, False)
    assert totalled(where) == 8
    assert writer.series(DURATION, labels(4000))[1]  # with memory it goes on
    killed(file)
    merge_all(where)
    assert totalled(where) == 8


def test_a_full_tmpfs_ends_no_process(tmp_path: Path) -> None:
    """On a real tmpfs that fills up, a worker goes on, and every request is counted."""
    with tmpfs(tmp_path / "small", "size=700k") as small:
        done = subprocess.run(
            [sys.executable, growing.__file__, str(small / "store"), "1000"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, "")
        found = re.fullmatch(r"made (\d+) of 1000\n", done.stdout)
        assert found
        assert 100 < int(found[1]) < 400
        where = shared(small / "store")
        assert totalled(where) == 1000
        where.close()


@pytest.mark.parametrize("last", range(5))
def test_a_worker_killed_while_it_grows_is_merged(tmp_path: Path, last: int) -> None:
    """Killed before any step, a worker leaves every request of its series, and no damaged file."""
    done = subprocess.run(
        [sys.executable, growing.__file__, str(tmp_path / "store"), "400", str(last)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == -9
    counted = int(done.stdout.split()[-1]) if done.stdout else 0
    where = shared(tmp_path / "store")
    skipped: list[tuple[str, str]] = []
    assert totalled(where, skipped) == counted
    merge_all(where, skipped)
    assert totalled(where, skipped) == counted
    assert skipped == []
    assert where.names(".worker") == []
    assert (last == 0) == (counted == 0)
    where.close()


def test_a_file_is_as_long_as_it_can_become(where: Directory) -> None:
    """The length of a file covers all that is mapped, so that no step changes it."""
    file = WorkerFile(where, schema(load({}, {}).buckets), 4000)
    before = os.fstat(file.fd).st_size
    use(file, 100)
    assert os.fstat(file.fd).st_size == before == len(file.memory) == file._header.size
    assert file._allocated % layout.STEP == 0
    assert file.series(DURATION, LABELS) > 0
    killed(file)
