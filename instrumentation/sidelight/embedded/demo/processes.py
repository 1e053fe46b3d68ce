"""Child processes that end with their context manager."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import httpx

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
