"""Real uvicorn processes on 127.0.0.1: started, pinned to cores, and ended by their pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 30.0


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def pinned(cores: set[int] | None) -> Iterator[None]:
    """Processes that are started inside run on these cores only; None is all cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Server:
    """One uvicorn process with its workers."""

    def __init__(
        self,
        factory: str,
        *,
        workers: int = 1,
        env: Mapping[str, str],
        loop: str = "uvloop",
        http: str = "httptools",
    ) -> None:
        """``factory`` is one of `benchmarks.applications`, or has a module of its own."""
        self.factory = factory
        self.port = free_port()
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            factory if ":" in factory else f"benchmarks.applications:{factory}",
            "--factory",
        ]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", str(workers)]
        command += ["--loop", loop, "--http", http]
        command += ["--no-access-log", "--log-level", "warning"]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env})

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.get("/pid")
            except (OSError, HTTPException):
                self._still_starting(deadline)
            else:
                return self

    def _still_starting(self, deadline: float) -> None:
        if self.process.poll() is not None or time.monotonic() > deadline:
            self.stop()
            raise RuntimeError(f"the server of {self.factory} did not start")
        time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self.stop()

    def connect(self) -> HTTPConnection:
        """A new connection, which the caller keeps alive."""
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def get(self, path: str) -> str:
        """The response to a GET request on a new connection."""
        connection = self.connect()
        try:
            return get(connection, path).decode()
        finally:
            connection.close()

    def stop(self) -> None:
        """Terminate the process and its workers, and kill them after a timeout."""
        workers = children(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)


def get(connection: HTTPConnection, path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """The response to a GET request on a connection, whatever its status."""
    connection.request("GET", path, headers=dict(headers or {}))
    return connection.getresponse().read()


def children(pid: int) -> list[int]:
    """The running child processes of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


def cpu_ns(pid: int) -> int:
    """The CPU time of all threads of another process, in exact nanoseconds.

    /proc counts in ticks of 10 ms; Linux's CPU clock of a process does not. Its id
    is what clock_getcpuclockid(3) computes.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)
