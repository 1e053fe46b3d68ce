"""Real servers for the live tests: started on a free port, waited for, ended by their pid."""

import http.client
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tests.listing import entries, shared_directories
from tests.processes import FORK_SERVER, Forked

HERE = Path(__file__).parent
PATIENCE = 90.0
"""Seconds to wait for what should come soon: a loaded machine must not fail a test."""
T = TypeVar("T")


def eventually(check: Callable[[], T], seconds: float = PATIENCE) -> T:
    """What ``check`` returns, as soon as that is true; AssertionError when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline, f"never came true; last seen: {found!r}"
        time.sleep(0.05)


def _ports() -> Iterator[int]:
    """Ports that no other process of this test run takes, and no client for its own end."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first, many = 10_000 + worker % 10 * 2_000, 2_000
    for number in itertools.count(os.getpid()):
        yield first + number % many


_next_port = _ports()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that nobody is given a second time soon."""
    for port in _next_port:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def children(pid: int) -> list[int]:
    """Processes started by ``pid``, without those that ended and multiprocessing's tracker."""
    found = []
    for task in entries(Path(f"/proc/{pid}/task")):
        with suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if running(child) and b"resource_tracker" not in line(child)]


def running(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def line(pid: int) -> bytes:
    """A process's command line."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


class Server:
    """One server process with its workers.

    ``directory`` is where its worker files must be; None where it shares none. ``before`` is a
    command that runs it, such as ``unshare``. Without one it is forked from a process that has
    imported what servers need, unless ``spawned``: then it and its workers are new interpreters.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        cwd: Path,
        before: Sequence[str] = (),
        *,
        spawned: bool = False,
    ) -> None:
        self.port = free_port()
        self.log_path = cwd / f"server-{self.port}.log"
        paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
        clean = {key: v for key, v in os.environ.items() if not key.startswith("SIDELIGHT_")}
        clean.pop("PROMETHEUS_MULTIPROC_DIR", None)
        clean |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", **env}
        module = [part.format(port=self.port) for part in command]
        self.process: Forked | subprocess.Popen[bytes]
        if before or spawned:
            program = ["-m"] if spawned else [str(FORK_SERVER)]
            with self.log_path.open("wb") as log:
                self.process = subprocess.Popen(
                    [*before, sys.executable, *program, *module],
                    cwd=cwd,
                    env=clean,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        else:
            self.process = Forked(module, clean, cwd, self.log_path)
        self.pid = self.process.pid

    @property
    def log(self) -> str:
        """What the server wrote so far."""
        return self.log_path.read_text(errors="replace")

    def get(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> tuple[int, str]:
        """One request on a connection of its own: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, headers={"Connection": "close", **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def answers(self) -> bool:
        """Whether it takes requests."""
        assert self.process.poll() is None, f"the server ended:\n{self.log}"
        try:
            return self.get("/pid")[0] == 200
        except OSError:
            return False

    def ready(self, workers: int = 0) -> "Server":
        """Wait until it answers, and until so many workers share a directory."""
        try:
            eventually(self.answers)
            if workers:
                eventually(lambda: len(self.files()) == workers)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from error
        return self

    def folders(self) -> list[Path]:
        """Directories in memory that were made for this server."""
        return shared_directories(self.pid)

    def files(self, suffix: str = ".worker") -> list[Path]:
        """Files of its workers in those directories."""
        found = (path for folder in self.folders() for path in entries(folder))
        return [path for path in found if path.name.endswith(suffix)]

    def leaves_nothing(self) -> None:
        """Its directory goes as soon as its end is seen."""
        eventually(lambda: self.folders() == [])

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        return children(self.pid)

    def kill(self, pid: int) -> None:
        """End a worker without a warning, and wait for its end."""
        assert pid in self.workers()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not running(pid))

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask the server to end, wait until it and its workers have: its exit code."""
        workers = self.workers()
        self.process.send_signal(how)
        code = self.process.wait(PATIENCE)
        eventually(lambda: not any(map(running, workers)))
        return code

    def destroy(self) -> None:
        """End everything that is left of it, and remove what that leaves behind."""
        left = [self.pid, *self.workers()]
        if self.process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                self.process.terminate()
                self.process.wait(10)
        for pid in left:
            with suppress(ProcessLookupError):
                if pid == self.pid or running(pid):
                    os.kill(pid, signal.SIGKILL)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # its own session: forked children too
        self.process.wait(10)
        for folder in self.folders():
            shutil.rmtree(
                folder, ignore_errors=True
            )  # the server's cleanup program may remove it too


def of_uvicorn(workers: int) -> list[str]:
    """Options for so many workers, on a machine that may be busy.

    By default uvicorn closes a connection whose client is silent for five seconds, kills a worker
    that doesn't answer for so long, and gives a restart up whose new worker isn't ready by then.
    """
    several = ["--workers", str(workers), "--timeout-worker-healthcheck", "60"]
    return ["--timeout-keep-alive", "60", *(several if workers > 1 else [])]


def roll(server: Server, workers: int) -> None:
    """Have the supervisor replace its workers, one after the other."""
    before = set(server.workers())
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: len(server.workers()) == workers and not before & set(server.workers()))


def fill(path: Path) -> None:
    """Write until nothing more goes in."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1 << 6, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
