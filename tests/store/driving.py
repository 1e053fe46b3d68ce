"""Worker files made and read without a server, for tests of the store."""

import asyncio
from bisect import bisect_left
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from sidelight.contract import DURATION, DURATION_BUCKETS
from sidelight.cooperative import run_to_end
from sidelight.settings import load
from sidelight.store import directory
from sidelight.store.directory import Directory
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.process_store import Store
from sidelight.store.reader import FileContents
from sidelight.store.schema import StoredFamily, rebucketed, schema
from sidelight.store.stopped_workers import merge_stopped_workers
from sidelight.store.writer import WorkerFile

SCHEMA = schema(DURATION_BUCKETS)
LABELS = ("GET", "/items", "200", "", "http")

ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


Bounds = tuple[float, ...]


def sizes(usual: int, whole: int) -> list[Any]:
    """Values of a parameter: the size of a usual run, and that of a slow one."""
    return [usual, pytest.param(whole, marks=pytest.mark.slow)]


def worker(where: Directory, counted: int = 0, buckets: Bounds = DURATION_BUCKETS) -> WorkerFile:
    """A worker's file with so many requests of 3 ms."""
    file = WorkerFile(where, schema(buckets), 100)
    count(file, counted)
    return file


def count(file: WorkerFile, times: int) -> None:
    """Record requests of 3 ms in a file."""
    series = file.series(DURATION, LABELS)
    file.words[series] += times * 3_000_000
    file.words[series + 1 + bisect_left(file.bounds(DURATION), 3_000_000)] += times


def killed(file: WorkerFile) -> None:
    """End a worker as SIGKILL does: its lock is released, its file stays."""
    file.words.release()
    file.paths.clear()  # each is a part of the mapping
    file.memory.close()
    file._release()


def totalled(where: Directory, skipped: list[tuple[str, str]] | None = None) -> int:
    """Requests that a fresh reader finds in a directory."""
    reader = DirectoryReader(where)
    files, totals = run_to_end(reader.read())
    if skipped is not None:
        skipped += reader.skipped
    return sum(map(requests, [*files, *([totals] if totals else [])]))


def requests(file: FileContents) -> int:
    """Requests one file holds."""
    return sum(
        sum(series.unpack(file.data, series.at)[1:])
        for series in file.index.series
        if series.family.name == DURATION.name
    )


def merge_all(where: Directory, skipped: list[tuple[str, str]] | None = None) -> None:
    """Merge the stopped workers."""
    reader = DirectoryReader(where)
    run_to_end(merge_stopped_workers(reader))
    if skipped is not None:
        skipped += reader.skipped


def shared(path: Path) -> Directory:
    """Open (and make) a directory as SIDELIGHT_DIR would."""
    return directory.open_shared(str(path))


def open_store(path: Path, **options: Any) -> Store:
    """A store of its own in a directory."""
    return Store(load({"directory": str(path), **options}, {}, path.parent))


def histogram(bounds: tuple[float, ...]) -> StoredFamily:
    """A family with these boundaries."""
    return StoredFamily("some_seconds", "histogram", bounds)


def move(values: tuple[int, ...], old: Bounds, new: Bounds) -> tuple[int, ...]:
    """A histogram's values from one set of boundaries to another."""
    return rebucketed(values, histogram(old), histogram(new))


def request_scope(path: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    """The scope of a request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": None,
        "server": None,
        **more,
    }


async def call(app: ASGIApp, path: str, method: str = "GET", **more: Any) -> tuple[int, bytes]:
    """One request to an ASGI application: status and body."""
    messages: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        messages.append(message)

    await app(request_scope(path, method, **more), receive, send)
    return messages[0]["status"], b"".join(m.get("body", b"") for m in messages[1:])


def page(app: ASGIApp) -> str:
    """The metrics page of an application."""
    status, body = asyncio.run(call(app, "/metrics"))
    assert status == 200
    return body.decode()
