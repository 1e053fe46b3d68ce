"""The cleanup: when it is started, and how it sees the end of a server without start times."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from sidelight.settings import load
from sidelight.store import cleanup, directory, process_store, supervisor


@pytest.fixture(autouse=True)
def no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a system without /proc, where the directory's name holds no start time either."""
    monkeypatch.setattr(cleanup, "start_time", lambda _pid: "")


@pytest.fixture
def ended() -> str:
    """The number of a process that is over."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return str(process.pid)


def test_a_server_that_ended_is_seen_without_start_times(tmp_path: Path, ended: str) -> None:
    """The directory goes with its server, also where only a signal tells that it is gone."""
    left = tmp_path / "base" / "group"
    left.mkdir(parents=True)
    (left / "totals").write_bytes(b"counts")
    watching = threading.Thread(
        target=cleanup.remove_after, args=(str(left), ended, ""), daemon=True
    )
    watching.start()
    watching.join(30)
    assert not watching.is_alive()
    assert not left.exists()


def test_a_server_that_runs_is_not_gone(ended: str) -> None:
    """Without start times a process is there as long as its number is."""
    assert not cleanup.has_ended(str(os.getpid()), "")
    assert not cleanup.has_ended("1", "")
    assert cleanup.has_ended(ended, "")


def stop_last_worker(memory: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Open and close the store of a server's only worker; the programs that this starts."""
    started: list[str] = []

    def start(command: list[str], **_: object) -> SimpleNamespace:
        started.append(command[0])
        return SimpleNamespace()

    group = f"uvicorn-{os.getpid()}-{supervisor.start_time(os.getpid())}-1-abc"
    monkeypatch.delenv("SIDELIGHT_DIR", raising=False)
    monkeypatch.setattr(directory, "memory_folder", lambda: str(memory))
    monkeypatch.setattr(supervisor, "group", lambda: group)
    monkeypatch.setattr(process_store, "_shared", {})
    monkeypatch.setattr(subprocess, "Popen", start)
    process_store.open_store(load({}, {}, memory)).close()
    return started


def test_the_cleanup_runs_with_the_interpreter_of_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last worker of a server starts one program, by its own interpreter."""
    assert stop_last_worker(tmp_path, monkeypatch) == [sys.executable]


@pytest.mark.parametrize("kind", ["frozen", "embedded", "linked", "missing", "none", "zipped"])
def test_no_program_is_started_that_is_not_an_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A frozen service, or a server that embeds Python, is not started a second time."""
    service = tmp_path / "service"
    service.write_bytes(b"")
    (tmp_path / "python3").symlink_to(service)
    if kind == "frozen":
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    elif kind == "zipped":
        monkeypatch.setattr(process_store, "CLEANUP_PROGRAM", "service.zip/cleanup.py")
    else:
        paths = {"embedded": service, "linked": tmp_path / "python3", "missing": "/no/python3"}
        monkeypatch.setattr(sys, "executable", str(paths.get(kind, "")))
    assert stop_last_worker(tmp_path, monkeypatch) == []


@pytest.mark.parametrize(
    "name", ["python", "python3", "python3.14", "python3.13t", "python3.12d", "pypy3.11"]
)
def test_interpreters_are_known_by_their_names(tmp_path: Path, name: str) -> None:
    """Interpreters have these names, in a virtual environment or outside of one."""
    (tmp_path / name).write_bytes(b"")
    assert process_store.is_interpreter(str(tmp_path / name))
