"""Processes that tests start: cheaply, and gone when the test run is, however that ends."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).parent
FORK_SERVER = HERE / "fork_server.py"
MARK = "PYTEST_PROCESSES"
"""An environment variable of every process that a pytest process starts: whose they are."""


def guard() -> None:
    """Have everything that this process starts killed at its end, also when it is killed.

    A process is known by its environment, so it does not matter who started it, or in which
    session it is. Those of an xdist worker belong to the worker and to the whole run.
    """
    if not hasattr(os, "pidfd_open"):
        return
    mine = uuid.uuid4().hex
    os.environ[MARK] = f"{os.environ.get(MARK, '')}/{mine}"
    environment = {key: text for key, text in os.environ.items() if key != MARK}
    program = [sys.executable, "-I", "-S", str(HERE / "process_guard.py"), str(os.getpid()), mine]
    os.posix_spawn(program[0], program, environment, setsid=True)


def end() -> None:
    """End the fork server, if there is one, so that its time is that of this process too."""
    _ForkServer.end()


class Forked:
    """A Python program in a process of its own, started by a fork; used as a ``Popen`` is."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        log: Path,
        errors: Path | None = None,
    ) -> None:
        """``command`` is a module and its arguments; errors are in the log if nowhere else."""
        self.args = command
        self.returncode: int | None = None
        log.touch()
        self._server = _ForkServer.get()
        self.pid = self._server.ask(
            command=list(command),
            env=dict(env),
            cwd=str(cwd),
            log=str(log),
            errors=str(errors or ""),
        )
        self._pidfd = os.pidfd_open(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended; ``subprocess.TimeoutExpired`` if it has not."""
        if self.returncode is None:
            ready = select.poll()
            ready.register(self._pidfd, select.POLLIN)
            if not ready.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
            self.returncode = self._server.ask(reap=self.pid)
            os.close(self._pidfd)
        return self.returncode

    def poll(self) -> int | None:
        """Its exit code if it has ended."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class _ForkServer:
    """The fork server of this process, started at its first use; it ends with this process."""

    _started: "_ForkServer | None" = None
    _lock = threading.Lock()

    @classmethod
    def get(cls) -> "_ForkServer":
        with cls._lock:
            if cls._started is None:
                cls._started = cls()
            return cls._started

    @classmethod
    def end(cls) -> None:
        with cls._lock:
            server, cls._started = cls._started, None
        if server is not None:
            server._own_end.shutdown(socket.SHUT_RDWR)
            server._answers.close()
            server._own_end.close()
            server._process.wait()

    def __init__(self) -> None:
        self._own_end, other_end = socket.socketpair()
        environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
        with other_end:
            self._process = subprocess.Popen(
                [sys.executable, FORK_SERVER, str(other_end.fileno())],
                env=environment,
                pass_fds=[other_end.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._answers = self._own_end.makefile("r")

    def ask(self, **request: object) -> int:
        with self._lock:
            self._own_end.sendall(json.dumps(request).encode() + b"\n")
            return int(self._answers.readline())
