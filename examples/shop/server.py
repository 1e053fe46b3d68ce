"""The shop under uvicorn, as a child process that is gone when its block ends."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

HOST = "127.0.0.1"
GRACE = 8.0  # seconds from SIGTERM to SIGKILL
START = 60.0  # seconds within which the service has to answer
PAUSE = 0.1  # seconds between two looks at something
KEPT = 16_384  # bytes of its log
OPTIONS = ("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3")


class ServerError(Exception):
    """The service did not start, or ended by itself. The message ends with its log."""


class Server:
    """A running service: where it is, and the end of what it wrote."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.url = f"http://{HOST}:{port}"
        self.log = b""

    async def read(self) -> None:
        """Keep the end of the log in memory: no file to clear away."""
        output = self.process.stdout
        while output and (some := await output.read(4096)):
            self.log = (self.log + some)[-KEPT:]

    async def ready(self) -> None:
        """Return once /metrics answers. Raises ServerError."""
        try:
            async with asyncio.timeout(START):
                await self._answers()
        except TimeoutError:
            raise self.error(f"no answer within {START:.0f} s") from None

    async def ended(self) -> None:
        """Wait for the process, which should not end by itself. Raises ServerError."""
        code = await _exit(self.process)
        await asyncio.sleep(PAUSE)  # for the rest of the log
        raise self.error(f"ended with code {code}")

    def error(self, what: str) -> ServerError:
        return ServerError(f"uvicorn: {what}\n{self.log.decode(errors='replace')}")

    async def _answers(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get("/metrics")).is_success:
                        return
                await asyncio.sleep(PAUSE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def serve(port: int, workers: int) -> AsyncIterator[Server]:
    """Start the shop on `port` (0: any free one)."""
    port = port or free_port()
    command = ("-m", "uvicorn", "app:app", "--app-dir", str(Path(__file__).parent))
    where = ("--host", HOST, "--port", str(port), "--workers", str(workers))
    # A session of its own: Ctrl-C reaches this process alone, which then ends the other in order.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, *where, *OPTIONS),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    server = Server(process, port)
    reading = asyncio.create_task(server.read())
    try:
        yield server
    finally:
        await _end(process)
        reading.cancel()


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
