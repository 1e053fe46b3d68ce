"""Processes that are gone when their block ends."""

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
GRACE = 8.0
"""Seconds from SIGTERM to SIGKILL."""
START = 60.0
"""Seconds within which a child has to answer."""
PAUSE = 0.1
"""Seconds between two looks at something."""
KEPT = 16_384
"""Bytes of its log."""


class Child:
    """A running process: the end of what it wrote, and how it ended."""

    def __init__(self, name: str, process: Process) -> None:
        self.name, self._process = name, process
        self._log = b""

    async def read(self) -> None:
        """Keep the end of the log in memory: no file to clear away."""
        output = self._process.stdout
        while output and (some := await output.read(4096)):
            self._log = (self._log + some)[-KEPT:]

    async def ready(self, url: str) -> None:
        """Return once ``url`` answers. Raises `SidelightError`."""
        try:
            async with asyncio.timeout(START):
                await _answers(url)
        except TimeoutError:
            raise self._error(f"no answer within {START:.0f} s") from None

    async def ended(self) -> None:
        """Wait for the process, which should not end by itself. Raises `SidelightError`."""
        await self.done()
        raise self._error("ended by itself")

    async def done(self) -> None:
        """Wait for the end of the process. Raises `SidelightError` unless its code is 0."""
        code = await _exit(self._process)
        await asyncio.sleep(PAUSE)  # for the rest of the log
        if code:
            raise self._error(f"ended with code {code}")

    def tell(self, line: str) -> None:
        """A line for the child to read."""
        if self._process.stdin is not None:
            self._process.stdin.write(f"{line}\n".encode())

    def _error(self, what: str) -> SidelightError:
        return SidelightError(f"{self.name}: {what}\n{self._log.decode(errors='replace')}")


@contextlib.asynccontextmanager
async def child(
    name: str, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]
) -> AsyncIterator[Child]:
    """Python with ``arguments``, in ``folder``, with ``environ`` added to the environment."""
    # A session of its own: Ctrl-C reaches this process alone, which then ends the other in order.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments),
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
        cwd=folder,
        env={**os.environ, **environ},
        start_new_session=True,
    )
    started = Child(name, process)
    reading = asyncio.create_task(started.read())
    try:
        yield started
    finally:
        await _end(process)
        reading.cancel()


async def run(name: str, arguments: Sequence[str], folder: Path) -> None:
    """Python with ``arguments``, to its end. Raises `SidelightError` when it fails."""
    async with child(name, arguments, folder, {}) as started:
        await started.done()


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def _answers(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(url)).is_success:
                    return
            await asyncio.sleep(PAUSE)


async def _end(process: Process) -> None:
    """SIGTERM, and SIGKILL for whoever of the session is left after the grace time."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            await _exit(process)
            _signal(process.pid, signal.SIGTERM)  # workers that outlived their supervisor
            await _empty(process.pid)
    _signal(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GRACE):
            await process.wait()  # for the pipe, too


async def _exit(process: Process) -> int:
    # Process.wait() would also wait for the pipe, which orphaned workers hold open.
    while True:
        if process.returncode is not None:
            return process.returncode
        await asyncio.sleep(PAUSE)


async def _empty(group: int) -> None:
    while True:
        if not _signal(group, 0):
            return
        await asyncio.sleep(PAUSE)


def _signal(group: int, number: int) -> bool:
    """Send to the group; False when nobody is left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
