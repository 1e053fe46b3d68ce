"""When each series was begun: kept in the store, over workers, merges and versions."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.contract import DURATION, METRICS, NANOSECONDS
from sidelight.export.native_histogram import native_histogram
from sidelight.export.prometheus import render
from sidelight.export.snapshot import Snapshot
from sidelight.settings import load
from sidelight.sidecar.metrics_source import MetricsSource
from sidelight.sidecar.routes import application
from sidelight.store import layout
from sidelight.store.directory import Directory
from sidelight.text_format import ExpositionFormat
from tests.store.driving import LABELS, call, count, killed, merge_all, totalled, worker
from tests.store.former_version import former_file
from tests.store.pages import Reader, named, open_parser, samples

SECOND = NANOSECONDS
THEN = 1_700_000_000 * SECOND
OTHER = ("GET", "/other", "200", "", "http")
CPU = METRICS["process_cpu_seconds_total"]


@contextmanager
def at(now: int) -> Iterator[None]:
    """The wall clock says this time, in nanoseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now)
        yield


def started(snapshot: Snapshot) -> dict[tuple[str, ...], int]:
    """When the series of requests began."""
    found = snapshot.created.items()
    return {key.labels: ns for key, ns in found if key.family.name == DURATION.name}


def test_a_series_starts_with_its_first_value(where: Directory) -> None:
    """Each series has the time of its own first value, not that of its worker."""
    with at(THEN):
        file = worker(where, 1)
    with at(THEN + 5 * SECOND):
        count(file, 1)
        file.series(DURATION, OTHER)
    assert started(Reader(where).snapshot()) == {LABELS: THEN, OTHER: THEN + 5 * SECOND}
    killed(file)


def test_the_first_of_all_workers_counts_and_stays(where: Directory) -> None:
    """Of one series in several workers the earliest time counts, also once they are merged."""
    staying = Reader(where)
    with at(THEN + 7 * SECOND):
        first = worker(where, 1)
    assert started(staying.snapshot()) == {LABELS: THEN + 7 * SECOND}
    with at(THEN + 3 * SECOND):
        second = worker(where, 1)
    for dead in (None, second, first):
        if dead is not None:
            killed(dead)
        for reader in (staying, Reader(where)):
            assert started(reader.snapshot()) == {LABELS: THEN + 3 * SECOND}
    assert where.names(".worker") == []
    with at(THEN + 9 * SECOND):
        third = worker(where, 1)
    killed(third)
    assert started(Reader(where).snapshot()) == {LABELS: THEN + 3 * SECOND}
    assert totalled(where) == 3


def test_what_the_system_counts_has_no_start(where: Directory) -> None:
    """A counter that the system has kept since before Sidelight is said to start at no time."""
    file = worker(where)
    file.set(CPU, ("0",), 5)
    file.count(METRICS["sidelight_series_overflow_total"])
    snapshot = Reader(where).snapshot()
    began = {key.family.name for key in snapshot.created}
    assert began == {DURATION.name, "sidelight_series_overflow_total"}
    assert CPU.name in {key.family.name for key in snapshot.sums}
    killed(file)


def test_a_file_of_version_1_is_read_and_merged(where: Directory) -> None:
    """Counts of a former version stay in the classic view, and start with their worker."""
    bounds = (0.1, 1.0)
    values = (9 * SECOND, 4, 3, 2)
    former_file(where, DURATION.name, bounds, {LABELS: values, OTHER: values}, THEN)
    file = worker(where, 6, bounds)
    for _ in range(2):
        snapshot = Reader(where).snapshot(merge=False)
        found = {key.labels: key for key in snapshot.sums if key.family.name == DURATION.name}
        assert snapshot.sums[found[LABELS]] == (9 * SECOND + 18_000_000, 10, 3, 2)
        assert snapshot.sums[found[OTHER]] == values
        assert started(snapshot) == {LABELS: THEN, OTHER: THEN}
        native = native_histogram(snapshot, found[LABELS])
        assert native is not None
        assert native.zero_count + sum(count for _, count in native.buckets) == 15
        merge_all(where)
    assert where.names(".worker") == [file.name]
    killed(file)


def test_a_former_version_skips_what_is_written_here(
    where: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of version 1 leaves files of this version out, and says so."""
    file = worker(where, 5)
    former_file(where, DURATION.name, (0.1, 1.0), {LABELS: (7, 7, 0, 0)}, THEN)
    monkeypatch.setattr(layout, "VERSION", 1)
    staying = Reader(where)
    page = staying.page(merge=False)
    assert named(page, DURATION.name + "_count") == 7
    assert named(page, "sidelight_files_skipped_total", reason="layout_version") == 1
    assert set(staying.reader.skipped) == {(file.name, layout.LATER)}
    killed(file)


def test_openmetrics_says_when_series_began_if_it_is_asked(where: Directory) -> None:
    """``_created`` is in OpenMetrics alone, only where it is asked for, and in seconds."""
    with at(THEN + SECOND // 4):
        file = worker(where, 1)
        file.count(METRICS["sidelight_series_overflow_total"])
        file.set(CPU, ("0",), 5)
    snapshot = Reader(where).snapshot()
    plain = b"".join(render(snapshot, ExpositionFormat.OPENMETRICS))
    assert b"_created" not in plain
    assert b"".join(render(snapshot, ExpositionFormat.TEXT, created=True)) == b"".join(
        render(snapshot, ExpositionFormat.TEXT)
    )
    asked = b"".join(render(snapshot, ExpositionFormat.OPENMETRICS, created=True))
    page = samples(open_parser.text_string_to_metric_families(asked.decode()))
    found = {name: value for (name, _), value in page.items() if name.endswith("_created")}
    assert found == {
        DURATION.name + "_created": 1_700_000_000.25,
        "sidelight_series_overflow_created": 1_700_000_000.25,
    }
    rest = [line for line in asked.splitlines() if b"_created" not in line]
    assert rest == plain.splitlines()
    killed(file)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("served_by", ["worker", "sidecar"])
def test_the_setting_asks_for_the_time(tmp_path: Path, served_by: str, asked: bool) -> None:  # noqa: FBT001 a parameter
    """A worker's page and the sidecar's have ``_created`` with ``created_series``, and else not."""
    options: Any = {"directory": str(tmp_path / "store"), "created_series": asked}
    app: Any = SidelightMiddleware(Starlette(routes=[Route("/", home)]), **options)
    assert asyncio.run(call(app, "/"))[0] == 200
    accept = {"accept": "application/openmetrics-text"}
    if served_by == "worker":
        headers = [(b"accept", b"application/openmetrics-text")]
        text = asyncio.run(call(app, "/metrics", headers=headers))[1].decode()
    else:
        source = MetricsSource(load(options, {}, tmp_path), str(tmp_path / "store"))
        text = TestClient(application(source, nothing)).get("/metrics", headers=accept).text
    app.lifecycle.close()
    assert text.endswith("# EOF\n")
    assert (f"{DURATION.name}_created{{" in text) == asked


async def home(_: Request) -> PlainTextResponse:
    return PlainTextResponse("home")


@asynccontextmanager
async def nothing(_: Starlette) -> AsyncIterator[None]:
    yield
