"""What tests start ends with the run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.servers import eventually, running

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[1]
RUN = """
import os, subprocess, time
from pathlib import Path
from tests.live.servers import Server

def test_that_is_killed(tmp_path):
    app = "uvicorn", "service:app", "--port", "{port}", "--workers", "2"
    server = Server(app, {}, tmp_path).ready(2)
    sleeper = subprocess.Popen(["sleep", "300"], start_new_session=True)
    pids = [os.getpid(), server.pid, *server.workers(), sleeper.pid]
    draft = Path(__file__).with_name("draft")
    draft.write_text(" ".join(map(str, pids)))
    draft.rename(draft.with_name("pids"))
    time.sleep(300)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is known by Linux's /proc what to end")
@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_killed_run_has_started_ends(tmp_path: Path, workers: int) -> None:
    """A SIGKILL of pytest ends its servers, their workers and its xdist workers too."""
    (tmp_path / "test_run.py").write_text(RUN)
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider",
         "--rootdir", tmp_path, "-n", str(workers), "test_run.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: (tmp_path / "pids").exists() or run.poll() is not None)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 5
    assert all(map(running, pids))
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    eventually(lambda: not any(map(running, pids)))
