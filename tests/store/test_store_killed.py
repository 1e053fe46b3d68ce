"""A process killed at every step of what it does to the directory."""

import mmap
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sidelight.contract import METRICS
from sidelight.cooperative import run_to_end
from sidelight.store import user
from sidelight.store.directory import Directory
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.layout import pack_method_scheme
from sidelight.store.user import AppFamily
from tests.store.driving import count, fold_all, killed, open_store, shared, totalled, worker

CALLS = "open close rename unlink listdir pread pwrite posix_fallocate fstat write"


def run(what: str, path: Path, last: int) -> bool:
    """Fold, or start a worker, in a child that dies at this call; whether it got to its end."""
    child = os.fork()
    if child == 0:
        try:
            _work(what, path, last)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, -signal.SIGKILL}, code
    return code == 0


def _work(what: str, path: Path, last: int) -> None:
    where = shared(path)
    calls = 0

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            if calls == last:
                os.kill(os.getpid(), signal.SIGKILL)
            calls += 1
            return function(*args, **kwargs)

        return wrapped

    for name in CALLS.split():
        setattr(os, name, deadly(getattr(os, name)))
    if what == "fold":
        fold_all(where)
    else:
        mmap.mmap = deadly(mmap.mmap)  # type: ignore[assignment,misc]
        open_store(path)
    os._exit(0)


def orders(where: Directory) -> float:
    """The application's own counter, in the totals and in files that are not folded."""
    files, totals = run_to_end(DirectoryReader(where).read())
    into: dict[str, AppFamily] = {}
    if totals:
        user.merge(into, user.decode(totals.index.app_metrics), None)
    for file in files:
        data = where.read(file.name.removesuffix(".worker") + ".user") or b""
        user.merge(into, user.decode(data), None)
    return sum(into["orders"].samples.values()) if into else 0


def dead_worker(where: Directory, requests: int) -> None:
    """A worker that was killed after so many requests and orders."""
    file = worker(where, requests)
    name = file.name.removesuffix(".worker") + ".user"
    samples: dict[tuple[str, user.Labels], float] = {("_total", ()): float(requests)}
    where.write(name, user.encode([AppFamily("orders", "counter", "", "", "", samples)]))
    killed(file)


def prepared(path: Path) -> Directory:
    """A directory with totals of 3, two dead workers of 5 and 7, and a living one."""
    where = shared(path)
    dead_worker(where, 3)
    fold_all(where)
    dead_worker(where, 5)
    dead_worker(where, 7)
    return where


def test_a_fold_killed_at_any_step_doubles_and_drops_nothing(tmp_path: Path) -> None:
    """Whenever a fold dies, all readers find the same sum, and the next fold ends its work."""
    for last in range(200):
        where = prepared(tmp_path / str(last))
        mine = worker(where, 11)
        complete = run("fold", tmp_path / str(last), last)
        assert totalled(where) == 26, last
        fold_all(where)
        assert totalled(where) == 26, last
        count(mine, 4)
        fold_all(where)
        assert totalled(where) == 30, last
        assert where.names(".worker") == [mine.name], last
        assert orders(where) == 15, last
        killed(mine)
        where.close()
        if complete:
            assert last > 20
            return
    raise AssertionError("never complete")


def test_a_fold_killed_at_any_step_leaves_nothing_for_ever(tmp_path: Path) -> None:
    """What a killed fold left half done (drafts, snapshots of the dead) is gone in the end."""
    left = set()
    for last in range(200):
        where = prepared(tmp_path / str(last))
        complete = run("fold", tmp_path / str(last), last)
        dead_worker(where, 1)
        fold_all(where)
        left |= {name[name.find(".") :] for name in where.names("")}
        where.close()
        if complete:
            break
    assert {name.rpartition(".")[2] for name in left} <= {"lock", "s"}, left


def test_a_start_killed_at_any_step_leaves_nothing_for_ever(tmp_path: Path) -> None:
    """A worker killed while it makes its file leaves none that stays, and harms no count."""
    bad = []
    for last in range(300):
        where = prepared(tmp_path / str(last))
        complete = run("start", tmp_path / str(last), last)
        skipped: list[tuple[str, str]] = []
        fold_all(where, skipped)
        assert totalled(where, skipped) == 15, last
        assert orders(where) == 15, last
        if where.names(".worker") or where.names(".draft") or skipped:
            bad.append((last, where.names(".worker"), where.names(".draft"), skipped))
        where.close()
        if complete:
            assert last > 20
            break
    assert bad == []


def test_lost_requests_are_counted_once(tmp_path: Path) -> None:
    """A fold that died after its rename does not make the next one count losses again."""
    lost = METRICS["fastapi_requests_lost_total"].name
    for last in range(200):
        where = shared(tmp_path / str(last))
        file = worker(where, 1)
        file.acquire_slot(pack_method_scheme("http", "GET"), b"/items", 1)
        killed(file)
        complete = run("fold", tmp_path / str(last), last)
        fold_all(where)
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
