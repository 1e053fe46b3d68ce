"""The processes of the demo: the shop with two workers, its clients, the sidecar, the viewer."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from asyncio import TaskGroup
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from sidelight import packaged
from sidelight.errors import SidelightError

HOST = "127.0.0.1"
STOP_TIMEOUT = 8.0
"""Seconds from SIGTERM to SIGKILL."""
START_TIMEOUT = 60.0
"""Seconds within which a child has to answer."""
POLL_INTERVAL = 0.1
"""Seconds."""
MAX_LOG = 16_384
"""Bytes of the output that are kept."""
PORT: Final = 9465
WORKERS: Final = 2
RATE: Final = 80.0
"""Requests per second."""
SCALE: Final = "1/30"
"""The rules' windows become shorter: an hour is two minutes, so that an alert comes and goes."""
HISTORY_STEP: Final = "1s"
"""The rules' shortest window is five seconds, in which there have to be several samples."""
VIEWER_STEP: Final = "2s"
"""The interval of the rules, which is the least step of a graph."""
LOOP_BLOCK_THRESHOLD: Final = "0.3"
"""Seconds. On a busy machine an event loop is often 0.1 to 0.2 seconds late, which is no fault of
the shop: the demo begins with no alert. Large bar codes take longer."""
SIDELIGHT: Final = ("-m", "sidelight")
UVICORN: Final = ("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3")


class ChildProcess:
    """A running process, and the last part of its output."""

    def __init__(self, name: str, process: Process) -> None:
        self.name, self._process = name, process
        self._log = b""

    async def read_output(self) -> None:
        """Keep the last part of the output in memory, so that there is no file to delete."""
        output = self._process.stdout
        while output and (data := await output.read(4096)):
            self._log = (self._log + data)[-MAX_LOG:]

    async def wait_until_ready(self, url: str) -> None:
        """Wait until ``url`` answers. Raises `SidelightError`."""
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await _wait_for_answer(url)
        except TimeoutError:
            raise self._error(f"no answer within {START_TIMEOUT:.0f} s") from None

    async def fail_at_end(self) -> None:
        """Wait for the end of a process that has to run. Raises `SidelightError`."""
        await self.wait()
        raise self._error("ended unexpectedly")

    async def wait(self) -> None:
        """Wait for the end of the process. Raises `SidelightError` if its code is not 0."""
        code = await _exit_code(self._process)
        await asyncio.sleep(POLL_INTERVAL)  # for the rest of the output
        if code:
            raise self._error(f"ended with code {code}")

    def write_line(self, line: str) -> None:
        """Write a line to the standard input of the process."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{line}\n".encode())

    def _error(self, what: str) -> SidelightError:
        return SidelightError(f"{self.name}: {what}\n{self._log.decode(errors='replace')}")


@contextlib.asynccontextmanager
async def child(
    name: str, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> AsyncIterator[ChildProcess]:
    """Run Python in ``folder``, with ``environ`` added to the environment."""
    # The new session does not receive Ctrl-C, so that this process ends the children in order.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        cwd=folder,
        env={**os.environ, **environ},
        start_new_session=True,
    )
    started = ChildProcess(name, process)
    reading = asyncio.create_task(started.read_output())
    try:
        yield started
    finally:
        await _end(process)
        reading.cancel()


async def run(name: str, arguments: Sequence[str], folder: Path) -> None:
    """Run Python until it ends. Raises `SidelightError` if it fails."""
    async with child(name, arguments, folder, {}) as started:
        await started.wait()


def free_port() -> int:
    """A port that no process listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def _wait_for_answer(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).is_success:
                    return
            await asyncio.sleep(POLL_INTERVAL)


async def _end(process: Process) -> None:
    """Send SIGTERM, and then SIGKILL to the processes of the session that are left."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_TIMEOUT):
            await _exit_code(process)
            _signal(process.pid, signal.SIGTERM)  # workers that outlive their supervisor
            await _wait_until_empty(process.pid)
    _signal(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_TIMEOUT):
            await process.wait()  # also closes the pipe
            await _wait_until_empty(process.pid)


async def _exit_code(process: Process) -> int:
    # Process.wait() also waits for the pipe, which orphaned workers keep open.
    while True:
        if process.returncode is not None:
            return process.returncode
        await asyncio.sleep(POLL_INTERVAL)


async def _wait_until_empty(group: int) -> None:
    while True:
        if not _signal(group, 0):
            return
        await asyncio.sleep(POLL_INTERVAL)


def _signal(group: int, number: int) -> bool:
    """Send a signal to a process group. Returns False if it has no process."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


class DemoPorts(NamedTuple):
    """The ports of 127.0.0.1 that the parts of the demo listen on."""

    shop: int
    sidecar: int
    viewer: int

    def url(self, part: str) -> str:
        """The address of a part."""
        return f"http://{HOST}:{getattr(self, part)}"

    def readiness_urls(self) -> tuple[str, ...]:
        """An address of each part that answers once the part is ready."""
        paths = {"shop": "/metrics", "sidecar": "/readyz", "viewer": "/"}
        return tuple(self.url(part) + path for part, path in paths.items())


@dataclass(frozen=True, slots=True)
class DemoServices:
    """The running processes and their ports."""

    ports: DemoPorts
    load_generator: ChildProcess
    servers: tuple[ChildProcess, ...]


@contextlib.asynccontextmanager
async def demo_services(port: int, seconds: float) -> AsyncIterator[DemoServices]:
    """Start all processes and wait until they are ready; end them with the context manager.

    The viewer listens on ``port``; 0 is 9465, or any free port if that is in use.
    Raises `SidelightError` if a process does not start.
    """
    folder = packaged.folder("shop")
    ports = DemoPorts(free_port(), free_port(), port or _default_port())
    with tempfile.TemporaryDirectory(prefix="sidelight-demo-", dir=_memory_folder()) as made:
        store, rules = f"{made}/store", f"{made}/rules.yml"
        environ = {
            "SIDELIGHT_DIR": store,
            "SIDELIGHT_LOOP_BLOCK_THRESHOLD": LOOP_BLOCK_THRESHOLD,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        build = (*SIDELIGHT, "rules", "build", "--scale", SCALE, "--output", rules)
        await run("the rules", build, folder)
        async with contextlib.AsyncExitStack() as stack:
            servers = [
                await stack.enter_async_context(child(name, command, folder, environ))
                for name, command in _commands(ports, store, rules).items()
            ]
            await _wait_until_ready(servers, ports.readiness_urls())
            load_generator = await stack.enter_async_context(
                child("the load generator", _load_command(ports, seconds), folder, environ)
            )
            yield DemoServices(ports, load_generator, tuple(servers))


def _commands(ports: DemoPorts, store: str, rules: str) -> dict[str, tuple[str, ...]]:
    shop, sidecar, viewer = (f"{HOST}:{port}" for port in ports)
    return {
        "the shop": (
            *("-m", "uvicorn", "app:app", "--host", HOST, "--port", str(ports.shop)),
            *("--workers", str(WORKERS), *UVICORN),
        ),
        "the sidecar": (
            *(*SIDELIGHT, "sidecar", "--directory", store, "--listen", sidecar),
            *("--job", "shop", "--instance", shop, "--rules", rules),
            *("--history", "1h", "--history-step", HISTORY_STEP),
        ),
        "the viewer": (
            *(*SIDELIGHT, "viewer", "--listen", viewer, "--sidecar", f"http://{sidecar}"),
            *("--step", VIEWER_STEP),
        ),
    }


def _load_command(ports: DemoPorts, seconds: float) -> tuple[str, ...]:
    limits = ("--seconds", str(seconds), "--requests", str(round(seconds * RATE * 2)))
    return ("load.py", ports.url("shop"), "--profiles", "--rate", str(RATE), *limits)


async def _wait_until_ready(servers: list[ChildProcess], urls: tuple[str, ...]) -> None:
    """Wait until each server answers. Raises `SidelightError` if one ends instead."""
    try:
        async with TaskGroup() as group:
            watching = [group.create_task(server.fail_at_end()) for server in servers]
            async with TaskGroup() as waiting:
                for server, url in zip(servers, urls, strict=True):
                    waiting.create_task(server.wait_until_ready(url))
            for task in watching:
                task.cancel()
    except* SidelightError as errors:
        raise errors.exceptions[0] from None


def _memory_folder() -> str | None:
    """A folder whose files stay in memory, if this system has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 it's where shared memory is


def _default_port() -> int:
    with socket.socket() as probe:
        in_use = probe.connect_ex((HOST, PORT)) == 0
    return free_port() if in_use else PORT
