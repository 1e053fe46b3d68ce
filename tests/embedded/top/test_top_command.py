"""`sidelight top` in a terminal: it draws, sorts, and leaves the terminal as it was."""

import os
import pty
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.servers import PATIENCE, eventually
from tests.live.sidecars import SIDELIGHT, Sidecar, worker_with_routes

pytestmark = [pytest.mark.live, pytest.mark.newest]

ENV = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}


class Terminal:
    """A terminal of the test's own, in which a command runs."""

    def __init__(self, *command: str) -> None:
        self._own, self._its = pty.openpty()
        os.set_blocking(self._own, False)
        self.mode = termios.tcgetattr(self._its)
        self.shown = ""
        self.process = subprocess.Popen(
            command, stdin=self._its, stdout=self._its, stderr=self._its, env=ENV
        )

    def shows(self, text: str) -> bool:
        """Whether the text has been drawn so far."""
        try:
            while part := os.read(self._own, 65536):
                self.shown += part.decode("utf-8", "replace")
        except BlockingIOError:
            pass
        return text in self.shown

    def press(self, key: str) -> None:
        self.shown = ""
        os.write(self._own, key.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self._own)
        os.close(self._its)

    def is_as_before(self) -> bool:
        return termios.tcgetattr(self._its) == self.mode


@contextmanager
def terminal(*command: str) -> Iterator[Terminal]:
    found = Terminal(SIDELIGHT, "top", *command)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """A directory with a worker that has two routes."""
    with worker_with_routes(tmp_path / "store", 2):
        yield tmp_path / "store"


def test_a_directory_is_shown_sorted_and_left(store: Path) -> None:
    """Keys sort at once; q ends it with status 0, and the terminal echoes again."""
    with terminal(str(store)) as found:
        eventually(lambda: found.shows("/crowd/000001") and found.shows("by rate"))
        assert not found.is_as_before()
        found.press("e")
        eventually(lambda: found.shows("by errors"))
        found.press("q")
        assert found.process.wait(PATIENCE) == 0
        assert found.is_as_before()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(store: Path, tmp_path: Path, number: int) -> None:
    """Of an address, without a path, the page /metrics is read; a signal ends it as q does."""
    with Sidecar(store, tmp_path) as sidecar, terminal(f"http://127.0.0.1:{sidecar.port}") as found:
        eventually(lambda: found.shows("/crowd/000001"))
        found.process.send_signal(number)
        assert found.process.wait(PATIENCE) == 0
        assert found.is_as_before()


def test_a_source_that_does_not_answer_is_shown(tmp_path: Path) -> None:
    """It says so and goes on, until it is ended."""
    with terminal("http://127.0.0.1:9") as found:
        eventually(lambda: found.shows("no answer (ConnectError)"))
        found.press("q")
        assert found.process.wait(PATIENCE) == 0


def test_what_is_no_source_is_refused() -> None:
    """The error names it, with an address that works."""
    done = subprocess.run(
        [SIDELIGHT, "top", "nowhere"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "SOURCE='nowhere': must be an http address or a directory" in done.stderr
