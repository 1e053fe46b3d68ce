"""A real sidecar over a directory that others fill: it answers, whole, and stays small."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidelight.store import locks
from sidelight.store.directory import Directory
from sidelight.store.writer import WorkerFile
from tests.live.sidecars import Sidecar
from tests.store.driving import count, killed, shared, sizes, worker
from tests.store.pages import Samples, named, open_parser, requests, samples, text_parser

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
MEMORY = 50 * 1024**2
"""Bytes that a page may take while it is made."""


def page_of(sidecar: Sidecar) -> Samples:
    """Both formats, each parsed to the end."""
    status, text = sidecar.get("/metrics")
    assert status == 200
    samples(text_parser.text_string_to_metric_families(text))
    status, text = sidecar.get("/metrics", headers={"Accept": OPENMETRICS})
    assert status == 200
    return samples(open_parser.text_string_to_metric_families(text))


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Directory]:
    found = shared(tmp_path / "store")
    yield found
    found.close()


@pytest.fixture
def mine(where: Directory) -> Iterator[WorkerFile]:
    """A real worker that has counted five requests."""
    file = worker(where, 5)
    yield file
    killed(file)


@pytest.fixture
def sidecar(where: Directory, mine: WorkerFile, tmp_path: Path) -> Iterator[Sidecar]:
    with Sidecar(Path(where.path), tmp_path) as found:
        yield found


def test_junk_of_every_kind_takes_nothing_away(
    where: Directory, mine: WorkerFile, sidecar: Sidecar, tmp_path: Path
) -> None:
    """Pipes, links, folders, a file of 10 GiB, damaged totals: all metrics are exported."""
    path = Path(where.path)
    os.mkfifo(path / "pipe.worker")
    (path / "folder.worker").mkdir()
    (path / "link.worker").symlink_to("/etc/passwd")
    (path / mine.name.replace(".worker", ".user")).symlink_to("/dev/zero")
    for name in ("huge.worker", "totals"):
        with (path / name).open("wb") as file:
            file.truncate(10 * 1024**3)
    killed(worker(where, 2))
    with sidecar.within(MEMORY):
        for turn in range(3):
            count(mine, 1)
            page = page_of(sidecar)
            assert requests(page) == 5 + 2 + turn + 1
    assert named(page, "sidelight_files_skipped_total", reason="unreadable") == 4
    assert named(page, "sidelight_files_skipped_total", reason="not_ours") >= 1
    assert len(list(path.glob("totals.*.damaged"))) == 1
    assert sidecar.stop() == 0
    assert sidecar.log.count("huge.worker") == 1


@pytest.mark.parametrize("files", sizes(500, 5000))
def test_many_junk_files_take_neither_memory_nor_the_page(
    where: Directory, mine: WorkerFile, sidecar: Sidecar, files: int
) -> None:
    """However many junk files: the metrics stay exact, and the log stays short."""
    path = Path(where.path)
    real = (path / mine.name).read_bytes()[:1000]
    for number in range(files):
        (path / f"{number:032x}.worker").write_bytes(real)
    with sidecar.within(MEMORY):
        for _ in range(3):
            page = page_of(sidecar)
    assert requests(page) == 5
    assert named(page, "sidelight_files_skipped_total", reason="not_ours") == files
    assert sidecar.stop() == 0
    assert sidecar.log.count("left out of the metrics") == 100


def test_a_worker_whose_file_is_cut_and_mended_is_there_again(
    where: Directory, sidecar: Sidecar
) -> None:
    """A file cut short while the sidecar runs is skipped, and counted again when it is whole."""
    file = worker(where, 3)
    path = Path(where.path) / file.name
    whole = path.read_bytes()
    killed(file)
    path.unlink()
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    assert locks.acquire(fd)
    os.write(fd, whole)
    assert requests(page_of(sidecar)) == 8
    os.ftruncate(fd, 300)
    assert requests(page_of(sidecar)) == 5
    os.pwrite(fd, whole, 0)
    assert requests(page_of(sidecar)) == 8
    os.close(fd)


def test_a_merge_lock_that_is_none_keeps_counts_on_the_page(
    where: Directory, sidecar: Sidecar
) -> None:
    """With a folder in place of the lock, stopped workers are exported, and it is logged."""
    path = Path(where.path)
    (path / "fold.lock").unlink(missing_ok=True)
    (path / "fold.lock").mkdir()
    killed(worker(where, 4))
    for _ in range(2):
        assert requests(page_of(sidecar)) == 9
    (path / "fold.lock").rmdir()
    assert requests(page_of(sidecar)) == 9
    assert sidecar.stop() == 0
    assert "cannot be added to the totals" in sidecar.log
