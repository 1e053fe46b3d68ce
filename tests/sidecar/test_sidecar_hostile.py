"""A real sidecar over a directory that others fill: it answers, whole, and stays small."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from sidelight.store import locks
from sidelight.store.directory import Directory
from sidelight.store.writer import WorkerFile
from tests.live.servers import free_port
from tests.store.driving import count, killed, shared, sizes, worker
from tests.store.pages import Samples, named, open_parser, requests, samples, text_parser

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
MAX_MIB = 120


class Sidecar:
    """A sidecar as the command starts it."""

    def __init__(self, path: Path) -> None:
        self.port = free_port()
        command = [sys.executable, "-c", "from sidelight.cli import main; main()", "sidecar"]
        command += ["--directory", str(path), "--listen", f"127.0.0.1:{self.port}"]
        self.log = path.with_name("sidecar.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log)

    def get(self, path: str, accept: str = "") -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"Accept": accept})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def wait(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                assert self.get("/healthz")[0] == 200
            except OSError:
                assert self.process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def page(self) -> Samples:
        """Both formats, each parsed to the end."""
        status, text = self.get("/metrics")
        assert status == 200
        samples(text_parser.text_string_to_metric_families(text))
        status, text = self.get("/metrics", OPENMETRICS)
        assert status == 200
        return samples(open_parser.text_string_to_metric_families(text))

    def peak_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(x.split()[1]) for x in status.splitlines() if x[:6] == "VmHWM:") / 1024

    def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        return self.log.read_text()


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
def sidecar(where: Directory, mine: WorkerFile) -> Iterator[Sidecar]:
    found = Sidecar(Path(where.path))
    try:
        found.wait()
        yield found
    finally:
        if found.process.poll() is None:
            found.process.kill()
        found.process.wait()


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
    for turn in range(3):
        count(mine, 1)
        page = sidecar.page()
        assert requests(page) == 5 + 2 + turn + 1
    assert named(page, "sidelight_files_skipped_total", reason="unreadable") == 4
    assert named(page, "sidelight_files_skipped_total", reason="not_ours") >= 1
    assert sidecar.peak_mib() < MAX_MIB
    assert len(list(path.glob("totals.*.damaged"))) == 1
    log = sidecar.stop()
    assert log.count("huge.worker") == 1


@pytest.mark.parametrize("files", sizes(500, 5000))
def test_many_junk_files_take_neither_memory_nor_the_page(
    where: Directory, mine: WorkerFile, sidecar: Sidecar, files: int
) -> None:
    """However many junk files: the metrics stay exact, and the log stays short."""
    path = Path(where.path)
    real = (path / mine.name).read_bytes()[:1000]
    for number in range(files):
        (path / f"{number:032x}.worker").write_bytes(real)
    for _ in range(3):
        page = sidecar.page()
    assert requests(page) == 5
    assert named(page, "sidelight_files_skipped_total", reason="not_ours") == files
    assert sidecar.peak_mib() < MAX_MIB
    assert sidecar.stop().count("left out of the metrics") == 100


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
    assert requests(sidecar.page()) == 8
    os.ftruncate(fd, 300)
    assert requests(sidecar.page()) == 5
    os.pwrite(fd, whole, 0)
    assert requests(sidecar.page()) == 8
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
        assert requests(sidecar.page()) == 9
    (path / "fold.lock").rmdir()
    assert requests(sidecar.page()) == 9
    assert "cannot be added to the totals" in sidecar.stop()
