"""A process killed at every step of what it does to the directory."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sidelight.app_metrics import families as app_families
from sidelight.app_metrics.families import AppFamily
from sidelight.app_metrics.merge import merge
from sidelight.contract import METRICS
from sidelight.cooperative import run_to_end
from sidelight.store.directory import Directory
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.layout import SLOTS, pack_method_scheme
from tests.store.driving import count, killed, merge_all, shared, sizes, totalled, worker

ROOT = Path(__file__).parents[2]
Run = Callable[[str, Path, int], bool]
every = pytest.mark.parametrize("stride", sizes(9, 1))
"""Kills at each call, or at one in nine."""


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Merge, or start a worker, in a process that is killed at a call; whether it ended before."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.kill_runner"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines, answers = process.stdin, process.stdout

    def ask(what: str, path: Path, last: int) -> bool:
        lines.write(f"{json.dumps([what, str(path), last])}\n")
        lines.flush()
        complete: bool = json.loads(answers.readline())
        return complete

    yield ask
    process.communicate(timeout=10)


def orders(where: Directory) -> float:
    """The application's own counter, in the totals and in files that are not merged."""
    files, totals = run_to_end(DirectoryReader(where).read())
    into: dict[str, AppFamily] = {}
    if totals:
        merge(into, app_families.decode(totals.index.app_metrics), None)
    for file in files:
        data = where.read(file.name.removesuffix(".worker") + ".user") or b""
        merge(into, app_families.decode(data), None)
    return sum(into["orders"].samples.values()) if into else 0


def dead_worker(where: Directory, requests: int) -> None:
    """A worker that was killed after so many requests and orders."""
    file = worker(where, requests)
    name = file.name.removesuffix(".worker") + ".user"
    samples: dict[tuple[str, app_families.AppLabels], float] = {("_total", ()): float(requests)}
    where.write(name, app_families.encode([AppFamily("orders", "counter", "", "", "", samples)]))
    killed(file)


def prepared(path: Path) -> Directory:
    """A directory with totals of 3, and two killed workers of 5 and 7."""
    where = shared(path)
    dead_worker(where, 3)
    merge_all(where)
    dead_worker(where, 5)
    dead_worker(where, 7)
    return where


@every
def test_a_merge_killed_at_any_step_doubles_and_drops_nothing(
    run: Run, tmp_path: Path, stride: int
) -> None:
    """Whenever a merge dies, all readers find the same sum, and the next merge ends its work."""
    for last in range(0, 200, stride):
        where = prepared(tmp_path / str(last))
        mine = worker(where, 11)
        complete = run("merge", tmp_path / str(last), last)
        assert totalled(where) == 26, last
        merge_all(where)
        assert totalled(where) == 26, last
        count(mine, 4)
        merge_all(where)
        assert totalled(where) == 30, last
        assert where.names(".worker") == [mine.name], last
        assert orders(where) == 15, last
        killed(mine)
        where.close()
        if complete:
            assert last > 20
            return
    raise AssertionError("never complete")


@every
def test_a_merge_killed_at_any_step_leaves_nothing_for_ever(
    run: Run, tmp_path: Path, stride: int
) -> None:
    """Drafts and snapshots that a killed merge leaves are removed by the next merge."""
    left = set()
    for last in range(0, 200, stride):
        where = prepared(tmp_path / str(last))
        complete = run("merge", tmp_path / str(last), last)
        dead_worker(where, 1)
        merge_all(where)
        left |= {name[name.find(".") :] for name in where.names("")}
        where.close()
        if complete:
            break
    assert {name.rpartition(".")[2] for name in left} <= {"lock", "s"}, left


@every
def test_a_start_killed_at_any_step_leaves_nothing_for_ever(
    run: Run, tmp_path: Path, stride: int
) -> None:
    """A worker killed while it makes its file leaves none that stays, and harms no count."""
    bad = []
    for last in range(0, 300, stride):
        where = prepared(tmp_path / str(last))
        complete = run("start", tmp_path / str(last), last)
        skipped: list[tuple[str, str]] = []
        merge_all(where, skipped)
        assert totalled(where, skipped) == 15, last
        assert orders(where) == 15, last
        if where.names(".worker") or where.names(".draft") or skipped:
            bad.append((last, where.names(".worker"), where.names(".draft"), skipped))
        where.close()
        if complete:
            assert last > 20
            break
    assert bad == []


@every
def test_lost_requests_are_counted_once(run: Run, tmp_path: Path, stride: int) -> None:
    """A merge that died after its rename does not make the next one count losses again."""
    lost = METRICS["fastapi_requests_lost_total"].name
    for last in range(0, 200, stride):
        where = shared(tmp_path / str(last))
        file = worker(where, 1)
        file.acquire_slot(pack_method_scheme("http", "GET"), b"/items", 1)
        killed(file)
        complete = run("merge", tmp_path / str(last), last)
        merge_all(where)
        found = _counter(where, lost)
        assert found == 1, last
        assert _counter(where, "sidelight_worker_exits_total") == 1, last
        where.close()
        if complete:
            return
    raise AssertionError("never complete")


def _counter(where: Directory, name: str) -> int:
    from sidelight.store import reader

    fd = where.open("totals")
    try:
        file = reader.read("totals", fd, {})
    finally:
        os.close(fd)
    return sum(
        series.unpack(file.data, series.at)[0]
        for series in file.index.series
        if series.family.name == name
    )


def test_lost_requests_without_a_slot_are_counted(where: Directory) -> None:
    """Requests for which no slot was left when their worker died are lost without a route."""
    file = worker(where, 1)
    asked = pack_method_scheme("http", "GET")
    for _ in range(SLOTS + 3):
        file.acquire_slot(asked, b"/items", 1)
    killed(file)
    merge_all(where)
    assert _counter(where, "fastapi_requests_lost_total") == SLOTS + 3
