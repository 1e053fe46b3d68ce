"""Two versions of Sidelight in one directory, each a real process."""

import json
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sidelight.contract import DURATION
from sidelight.store import layout
from sidelight.store.directory import Directory
from sidelight.store.schema import StoredFamily
from sidelight.store.writer import WorkerFile
from tests.store import later_version
from tests.store.driving import SCHEMA, count, killed, worker
from tests.store.later_version import LATER
from tests.store.pages import Reader, named, requests

LOST = "fastapi_requests_lost_total"
SCRIPT = Path(later_version.__file__)


class Later:
    """A worker of the later version."""

    def __init__(self, where: Directory, counted: int, needs: int = 2) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), where.path, str(needs), "work", str(counted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.name = self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def close(self) -> None:
        """A clean end."""
        assert self.process.stdin is not None
        self.process.stdin.write("close\n")
        self.process.stdin.flush()
        assert self._line() == "closed"
        self.process.communicate()


@contextmanager
def later(where: Directory, counted: int, needs: int = 2) -> Iterator[Later]:
    process = Later(where, counted, needs)
    try:
        yield process
    finally:
        if process.process.poll() is None:
            process.kill()


def seen_later(
    where: Directory, *, merge: bool = False, needs: int = 2
) -> tuple[dict[str, int], set[tuple[str, str]]]:
    """What a reader of the later version sums up, by family, and what it skips."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), where.path, str(needs), "merge" if merge else "page", "0"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found, skipped = json.loads(done.stdout)
    return found, {(name, reason) for name, reason in skipped}


def in_flight(page: Any) -> float:
    return named(page, "fastapi_active_requests")


def test_a_living_later_worker_is_read_beside_ours(where: Directory) -> None:
    """A later worker's counts, requests and exemplars are read; unknown parts are reported."""
    current = worker(where, 5)
    with later(where, 7) as other:
        staying = Reader(where)
        page = staying.page()
        assert requests(page) == 12
        assert named(page, DURATION.name + "_sum") == pytest.approx(12 * 0.003)
        assert (
            named(page, "sidelight_workers", state="blocked")
            + named(page, "sidelight_workers", state="serving")
            == 2
        )
        assert in_flight(page) == 1
        assert [trace.value for trace in staying.snapshot().exemplars.values()] == [0.003]
        assert named(page, "sidelight_families_skipped_total", reason="later_version") == 1
        assert set(staying.reader.skipped) == {(other.name, "later_blocks")}
        count(current, 1)
        assert requests(staying.page()) == 13
        # The later one sees the same, and all of its own.
        found, _ = seen_later(where)
        assert (found[DURATION.name], found[LATER]) == (13, 7)
    killed(current)


@pytest.mark.parametrize("end", ["kill", "close"])
@pytest.mark.parametrize("folder", ["current", "later"])
def test_a_dead_later_worker_is_merged_by_either(where: Directory, end: str, folder: str) -> None:
    """Killed or closed, merged by this or by the later version, it leaves every count behind."""
    current = worker(where, 5)
    staying = Reader(where)
    with later(where, 7) as other:
        assert requests(staying.page()) == 12
        getattr(other, end)()
    if folder == "later":
        seen_later(where, merge=True)
    for page in (staying.page(), Reader(where).page(), staying.page()):
        assert requests(page) == 12
        assert named(page, LOST) == (1 if end == "kill" else 0)
        assert named(page, "sidelight_families_skipped_total", reason="later_version") == 1
    assert where.names(".worker") == [current.name]
    found, skipped = seen_later(where)
    assert (found[DURATION.name], found[LATER]) == (12, 7)
    assert not skipped
    killed(current)


def test_restarts_of_both_versions_lose_nothing(where: Directory) -> None:
    """Workers of both that come and go, merged now by one and now by the other, add up."""
    staying, counted, things = Reader(where), 0, 0
    for turn in range(1, 5):
        with later(where, turn) as other:
            mine = worker(where, 10 * turn)
            counted, things = counted + 11 * turn, things + turn
            assert requests(staying.page()) == counted
            if turn % 2:
                other.close()
                seen_later(where, merge=True)
                killed(mine)
            else:
                killed(mine)
                other.kill()
    assert requests(staying.page()) == requests(Reader(where).page()) == counted
    found, skipped = seen_later(where, merge=True)
    assert (found[DURATION.name], found[LATER], found[LOST]) == (counted, things, 2)
    assert not skipped
    assert where.names(".worker") == []


def test_what_the_later_version_keeps_survives_many_of_our_merges(where: Directory) -> None:
    """A family unknown here goes from totals to totals, however often this version writes them."""
    with later(where, 7):
        pass
    for _ in range(3):
        killed(worker(where, 2))
        assert requests(Reader(where).page()) > 0
    found, _ = seen_later(where)
    assert (found[DURATION.name], found[LATER]) == (13, 7)


def test_a_later_worker_we_cannot_read_is_left_where_it_is(where: Directory) -> None:
    """A file of an unknown layout is skipped and reported, and never removed."""
    current = worker(where, 5)
    staying = Reader(where)
    with later(where, 7, needs=3) as other:
        before = (Path(where.path) / other.name).read_bytes()
        page = staying.page()
        assert requests(page) == 5
        assert named(page, "sidelight_files_skipped_total", reason="layout_version") == 1
    killed(current)
    for _ in range(3):
        page = staying.page()
        assert requests(page) == 5
    assert named(page, "sidelight_files_skipped_total", reason="layout_version") == 1
    assert where.names(".worker") == [other.name]
    after = (Path(where.path) / other.name).read_bytes()
    assert after[: 24 * 8] == before[: 24 * 8]
    assert len(after) == len(before)
    # Then one comes that understands both.
    found, skipped = seen_later(where, merge=True, needs=3)
    assert (found[DURATION.name], found[LATER]) == (12, 7)
    assert {reason for _, reason in skipped} <= {"later_blocks"}
    assert where.names(".worker") == []


def test_later_totals_we_cannot_read_are_not_replaced(where: Directory) -> None:
    """Stopped workers stay beside them, counted, until a version merges that reads both."""
    with later(where, 7, needs=3):
        pass
    seen_later(where, merge=True, needs=3)
    assert where.names(".worker") == []
    totals = (Path(where.path) / "totals").read_bytes()
    assert struct.unpack_from("<II", totals, 8) == (3, 3)
    dead = worker(where, 5)
    killed(dead)
    staying = Reader(where)
    for _ in range(3):
        page = staying.page()
        assert requests(page) == 5
    assert named(page, "sidelight_files_skipped_total", reason="layout_version") == 1
    assert (Path(where.path) / "totals").read_bytes() == totals
    assert where.names(".worker") == [dead.name]
    assert not where.names(".damaged")
    found, skipped = seen_later(where, merge=True, needs=3)
    assert (found[DURATION.name], found[LATER]) == (12, 7)
    assert not skipped
    assert where.names(".worker") == []


def test_the_later_version_reads_and_merges_ours(where: Directory) -> None:
    """It merges this version's file, and what it writes is read here."""
    current = worker(where, 5)
    current.acquire_slot(layout.pack_method_scheme("http", "GET"), b"/items", 5)
    found, skipped = seen_later(where, merge=True)
    assert (found[DURATION.name], found["fastapi_active_requests"]) == (5, 1)
    killed(current)
    found, skipped = seen_later(where, merge=True)
    assert (found[DURATION.name], found[LOST]) == (5, 1)
    assert not skipped
    assert where.names(".worker") == []
    page = Reader(where).page()
    assert requests(page) == 5
    assert named(page, LOST) == 1


def test_a_worker_number_of_the_later_version_is_not_taken(where: Directory) -> None:
    """Two workers of different versions have different numbers, so no gauge hides another."""
    with later(where, 1, needs=3) as first, later(where, 1) as second:
        current = worker(where, 1)
        assert {first.name, second.name} < set(where.names(".worker"))
        assert current.worker == 2
        killed(current)


@pytest.mark.parametrize("odd", ["sidelight_workers", DURATION.name])
def test_a_family_of_another_kind_is_left_out(where: Directory, odd: str) -> None:
    """What another version means by one of our names is not shown; the rest is, and our own."""
    current = worker(where, 5)
    changed = tuple(StoredFamily(odd, "counter", ()) if one.name == odd else one for one in SCHEMA)
    other = WorkerFile(where, changed, 100)
    page = Reader(where).page()
    assert requests(page) == 5
    assert sum(value for (name, _), value in page.items() if name == "sidelight_workers") == 2
    assert named(page, "sidelight_families_skipped_total", reason="later_version") == 1
    killed(current)
    killed(other)
