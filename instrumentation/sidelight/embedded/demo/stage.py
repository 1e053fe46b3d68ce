"""What the demo is made of: the shop on two workers, its shoppers, its sidecar, the viewer."""

import contextlib
import os
import socket
import tempfile
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from sidelight import packaged
from sidelight.embedded.demo.children import HOST, Child, child, free_port, run
from sidelight.errors import SidelightError

PORT: Final = 9465
WORKERS: Final = 2
RATE: Final = 80.0
"""Requests per second."""
SCALE: Final = "1/30"
"""An hour of the rules is two minutes here: an alert must come and go while somebody looks."""
STEP: Final = "1s"
"""Between two samples; five seconds of the rules' shortest window must hold some."""
DRAWN: Final = "2s"
"""The least step of a graph: that of the rules."""
SIDELIGHT: Final = ("-m", "sidelight")
QUIETLY: Final = ("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3")


class Places(NamedTuple):
    """The ports of 127.0.0.1 that are listened on."""

    shop: int
    sidecar: int
    viewer: int

    def url(self, part: str) -> str:
        """Where a part answers."""
        return f"http://{HOST}:{getattr(self, part)}"

    def answer(self) -> tuple[str, ...]:
        """What each part answers once it is ready."""
        paths = {"shop": "/metrics", "sidecar": "/readyz", "viewer": "/"}
        return tuple(self.url(part) + path for part, path in paths.items())


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs, and where it answers."""

    places: Places
    shoppers: Child
    children: tuple[Child, ...]


@contextlib.asynccontextmanager
async def stage(port: int, seconds: float) -> AsyncIterator[Stage]:
    """Start all of it, ready to be looked at; nothing is left when the block ends.

    The viewer listens on ``port``; 0 is 9465, or any free one where that is taken.
    Raises `SidelightError` when a part doesn't start.
    """
    folder, places = packaged.folder("shop"), Places(free_port(), free_port(), port or _preferred())
    with tempfile.TemporaryDirectory(prefix="sidelight-demo-", dir=_memory()) as made:
        store, rules = f"{made}/store", f"{made}/rules.yml"
        environ = {"SIDELIGHT_DIR": store, "PYTHONDONTWRITEBYTECODE": "1"}
        build = (*SIDELIGHT, "rules", "build", "--scale", SCALE, "--output", rules)
        await run("the rules", build, folder)
        async with contextlib.AsyncExitStack() as stack:
            children = [
                await stack.enter_async_context(child(name, command, folder, environ))
                for name, command in _commands(places, store, rules).items()
            ]
            await _all_ready(children, places.answer())
            shoppers = await stack.enter_async_context(
                child("the shoppers", _shopping(places, seconds), folder, environ)
            )
            yield Stage(places, shoppers, tuple(children))


def _commands(places: Places, store: str, rules: str) -> dict[str, tuple[str, ...]]:
    shop, sidecar, viewer = (f"{HOST}:{port}" for port in places)
    return {
        "the shop": (
            *("-m", "uvicorn", "app:app", "--host", HOST, "--port", str(places.shop)),
            *("--workers", str(WORKERS), *QUIETLY),
        ),
        "the sidecar": (
            *(*SIDELIGHT, "sidecar", "--directory", store, "--listen", sidecar),
            *("--job", "shop", "--instance", shop, "--rules", rules),
            *("--history", "1h", "--history-step", STEP),
        ),
        "the viewer": (
            *(*SIDELIGHT, "viewer", "--listen", viewer, "--sidecar", f"http://{sidecar}"),
            *("--step", DRAWN),
        ),
    }


def _shopping(places: Places, seconds: float) -> tuple[str, ...]:
    most = ("--seconds", str(seconds), "--requests", str(round(seconds * RATE * 2)))
    return ("load.py", places.url("shop"), "--moods", "--rate", str(RATE), *most)


async def _all_ready(children: list[Child], urls: tuple[str, ...]) -> None:
    """Wait until each answers, or one has ended instead. Raises `SidelightError`."""
    try:
        async with TaskGroup() as group:
            watching = [group.create_task(one.ended()) for one in children]
            async with TaskGroup() as waiting:
                for one, url in zip(children, urls, strict=True):
                    waiting.create_task(one.ready(url))
            for task in watching:
                task.cancel()
    except* SidelightError as group_of_errors:
        raise group_of_errors.exceptions[0] from None


def _memory() -> str | None:
    """Where files stay in memory, if this system has such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 it's where shared memory is


def _preferred() -> int:
    with socket.socket() as probe:
        taken = probe.connect_ex((HOST, PORT)) == 0
    return free_port() if taken else PORT
