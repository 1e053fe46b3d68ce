"""The cleanup, where the system tells no start times of processes."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sidelight.store import cleanup


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
