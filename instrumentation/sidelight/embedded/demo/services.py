"""The processes of the demo: the shop with two workers, its clients, the sidecar, the viewer."""

import contextlib
import os
import socket
import tempfile
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from sidelight import packaged
from sidelight.embedded.demo.processes import HOST, ChildProcess, child, free_port, run
from sidelight.errors import SidelightError

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
SIDELIGHT: Final = ("-m", "sidelight")
UVICORN: Final = ("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3")


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
        environ = {"SIDELIGHT_DIR": store, "PYTHONDONTWRITEBYTECODE": "1"}
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
