"""The service in a process of its own."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL

import httpx

HOST = "127.0.0.1"
START = 60.0  # seconds within which the service has to answer
GRACE = 10.0  # seconds from SIGTERM to SIGKILL


@contextlib.contextmanager
def served() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The service under uvicorn, with one worker, gone when the block ends."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    folder = str(Path(__file__).parent)
    command = ("-m", "uvicorn", "lessons:app", "--app-dir", folder, "--port", str(port))
    with subprocess.Popen(
        [sys.executable, *command, "--host", HOST], stdout=DEVNULL, stderr=DEVNULL
    ) as process:
        try:
            yield f"http://{HOST}:{port}", process
        finally:
            end(process)


async def ready(client: httpx.AsyncClient, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if (await client.get("/metrics")).is_success:
                return
        await asyncio.sleep(0.1)
    raise SystemExit("no answer; uvicorn --app-dir examples/lessons lessons:app says why")


def end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
