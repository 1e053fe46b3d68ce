"""The service in its own process."""

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
START_TIMEOUT = 60.0  # seconds within which the service has to answer
STOP_TIMEOUT = 10.0  # seconds from SIGTERM to SIGKILL


@contextlib.contextmanager
def running_server() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run the service under uvicorn with one worker, until the context manager ends."""
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


async def wait_until_ready(client: httpx.AsyncClient, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the service answers. Raises SystemExit."""
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if (await client.get("/metrics")).is_success:
                return
        await asyncio.sleep(0.1)
    raise SystemExit(
        "no answer; run uvicorn --app-dir examples/lessons lessons:app to see the error"
    )


def end(process: "subprocess.Popen[bytes]") -> None:
    """Send SIGTERM, and SIGKILL if the process does not end."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
